"""What a network cost to train, stage by stage: a pipeline of several stages pays for all of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgeprune import files
from edgeprune.errors import EdgepruneError

#: FLOPs of a training step over those of a forward pass: one more for the gradient of the activations, one for that of
#: the weights (the usual estimate, e.g. Kaplan et al., 2020). Batch norm, activations and the optimiser are left out.
STEP_OVER_FORWARD = 3
METHOD = f"estimate: {STEP_OVER_FORWARD} x forward FLOPs x images trained on"
_COUNTS = ("epochs", "images", "training_flops")

#: A stage of a training: its `name`, and what it took.
Stage = dict[str, Any]


def work(name: str, variant: str, epochs: int, images: int, flops: int) -> Stage:
    """The stage of a training: ``flops`` are those of a forward pass for one image."""
    return {
        "name": name,
        "variant": variant,
        "epochs": epochs,
        "images": images,
        "training_flops": STEP_OVER_FORWARD * flops * images,
    }


def total_work(stages: list[Stage]) -> dict[str, Any]:
    """``cost`` of metrics.json: sums over ``stages`` (see :func:`work`), and the stages."""
    return {name: sum(s[name] for s in stages) for name in _COUNTS} | {
        "training_flops_method": METHOD,
        "stages": stages,
    }


def total_time(stages: list[Stage]) -> dict[str, Any]:
    """``cost`` of timing.json: sums over stages of ``name``, ``seconds``, ``joules`` (or None) and ``reason``.

    A sum that lacks one of its terms is not a smaller sum but none: None, with the reason.
    """
    unknown = {name: [s for s in stages if s[name] is None] for name in ("seconds", "joules")}
    reasons = {name: "; ".join(f"{s['name']}: {s['reason']}" for s in lacking) for name, lacking in unknown.items()}
    sums = {name: None if unknown[name] else sum(s[name] for s in stages) for name in ("seconds", "joules")}
    return sums | {"reasons": {k: v for k, v in reasons.items() if v}, "stages": stages}


def earlier(paths: Iterable[str | Path]) -> tuple[list[Stage], list[Stage]]:
    """Stages that went before, read from their metrics.json and the timing.json beside each.

    A run that itself went on from earlier stages brings those along.

    Args:
        paths: metrics.json files (any JSON with ``cost.stages``, as :func:`total_work` makes it).

    Returns:
        tuple: two lists, for :func:`total_work` and for :func:`total_time`.

    Raises:
        EdgepruneError: a file is missing or holds no cost.
    """
    worked, timed = [], []
    for path in map(Path, paths):
        value = files.read_json(path)
        cost = value.get("cost") if isinstance(value, dict) else None
        stages = cost.get("stages") if isinstance(cost, dict) else None
        if not stages or not all(isinstance(s, dict) and {"name", *_COUNTS} <= s.keys() for s in stages):
            raise EdgepruneError(
                "holds no cost of its stages", file=path, key="cost.stages", remedy="train that stage again"
            )
        worked += stages
        timed += _times(path.with_name("timing.json"), stages)
    return worked, timed


def _times(path: Path, stages: list[Stage]) -> list[Stage]:
    try:
        return files.read_json(path)["cost"]["stages"]
    except (EdgepruneError, KeyError, TypeError):
        return [{"name": s["name"], "seconds": None, "joules": None, "reason": f"no times in {path}"} for s in stages]
