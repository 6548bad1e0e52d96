"""The seeds of a grid: a list, each for a plan and the training that follows, or plans and trainings apart."""

from pathlib import Path

from edgeprune.errors import EdgepruneError

#: What stands under ``seeds``.
Seeds = list[int] | dict[str, list[int]]
KINDS = ("plans", "trainings")


def pairs(seeds: Seeds) -> list[tuple[int, int]]:
    """``[(plan, training)]``."""
    if isinstance(seeds, list):
        return [(seed, seed) for seed in seeds]
    plans, trainings = (seeds[kind] for kind in KINDS)
    runs = max(len(plans), len(trainings))
    return list(zip(*(values * runs if len(values) == 1 else values for values in (plans, trainings))))


def whole(seeds: Seeds) -> Seeds:
    """The same as plain integers; JSON schema takes 1.0 for one."""
    if isinstance(seeds, list):
        return [int(seed) for seed in seeds]
    return {kind: [int(seed) for seed in values] for kind, values in seeds.items()}


def check(seeds: Seeds, file: str | Path) -> None:
    """Refuse lists of different lengths, and a pair that stands twice.

    Raises:
        EdgepruneError: with the key.
    """
    if isinstance(seeds, list):
        return
    lengths = [len(seeds[kind]) for kind in KINDS]
    if len({*lengths} - {1}) > 1:
        raise EdgepruneError(
            f"{lengths[0]} seeds of plans and {lengths[1]} of trainings make no pairs",
            file=file,
            key="seeds",
            remedy="give lists of one length; a list of one seed goes with every seed of the other",
        )
    found = pairs(seeds)
    for index, pair in enumerate(found):
        if pair in found[:index]:
            raise EdgepruneError(
                f"the plan seed {pair[0]} with the training seed {pair[1]} stands twice",
                file=file,
                key="seeds",
                remedy="change one of the two runs: equal seeds give the same run again",
            )
