"""Choose among trained and measured runs: the best that satisfies a device's limits, and how to get it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from edgeprune import files
from edgeprune.commands import options
from edgeprune.config.limits import LIMITS, parse
from edgeprune.errors import EdgepruneError

NAMES = (*(limit.name for limit in LIMITS), "score")


class Unsatisfied(EdgepruneError):
    """No run satisfies every constraint: an answer, and no wrong command."""

    status = 3


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--results", required=True, metavar="FOLDER", help="results/<preset> of a preset that was run")
    parser.add_argument("--device", metavar="D", help="where it must be fast; not needed if only one was measured")
    parser.add_argument("--runtime", help="fp32 (default) or int8, as measured")
    for limit in LIMITS:
        parser.add_argument(f"--{limit.name}", metavar="AMOUNT", help=f"at most: {limit.description}")
    better = "at least (at most, where less is better), on the validation split, e.g. 90%% or 28.5dB"
    parser.add_argument("--score", metavar="SCORE", help=better)
    parser.add_argument("--accuracy", dest="score", metavar="SCORE", help="another name of --score")
    parser.add_argument("--network", metavar="N", help="only this network")
    parser.add_argument("--dataset", metavar="D", help="needed if the results are of several data sets")
    parser.add_argument("--config", metavar="FILE", help="write a preset here that searches closer to the constraints")
    parser.add_argument("--force", action="store_true", help="--config may replace a file")
    options.add_json(parser)


def run(args: Namespace) -> None:
    from edgeprune.reporting import advice, choice, notes, runs, terminal

    if args.config:
        from edgeprune.reporting import refine  # needs the packages of the pipeline

        refine.refuse_overwriting(args.config, args.force)
    asked = given(args)
    if not asked:
        names = ", ".join(f"--{name}" for name in NAMES)
        raise EdgepruneError("no constraint is given", remedy=f"give at least one of {names}")
    for limit in LIMITS:
        if limit.name in asked:
            parse(asked[limit.name], limit.kind, f"--{limit.name}")
    rows = choice.of_pair(runs.of_folder(args.results), args.network, args.dataset)
    metric = runs.headline(rows)
    limits = choice.constraints(asked, metric)
    needed = bool(args.runtime) or any(limit.measured and limit.name in asked for limit in LIMITS)
    everywhere = runs.group(rows)
    rows = choice.at_place(rows, args.device, args.runtime, needed)
    groups = runs.group(rows)
    choice.check_measured(groups, limits)
    chosen, place = choice.choose(groups, limits, metric), runs.place(rows[0])
    found = advice.model(args.results, chosen, rows) if chosen.chosen else None
    how, refused = None, None
    if args.config:
        from edgeprune.reporting import refine

        try:
            preset, how = refine.preset(chosen, metric, Path(args.results) / "config.yaml", rows[0]["device"])
            _write(args.config, preset, how)
        except EdgepruneError as error:
            refused = error
    options.show(
        args,
        lambda: advice.data(chosen, place, found, metric, args.config if how else None),
        lambda: advice.text(args.results, chosen, rows, found, notes.slow(groups, everywhere)),
    )
    if how and not args.json:
        print(*terminal.wrap(["", f"Wrote {args.config}, to search closer. {how}."]), sep="\n")
        print(f"  snakemake --config preset={Path(args.config).stem}   (a preset lies in presets/)")
    if refused and chosen.best:
        raise refused
    if refused:
        raise Unsatisfied(
            f"no run satisfies all constraints, and no preset is written: {refused.problem}", remedy=refused.remedy
        )
    if not chosen.best:
        raise Unsatisfied("no run satisfies all constraints", remedy="see above what to change")


def given(args: Namespace) -> dict[str, str]:
    """The limits that were given, by name."""
    named = {name: getattr(args, name.replace("-", "_")) for name in NAMES}
    return {name: amount for name, amount in named.items() if amount is not None}


def _write(path: str, preset: dict[str, Any], how: str) -> None:
    import yaml

    text = f"# Written by `edgeprune recommend`. {how}.\n"
    files.write_text(path, text + yaml.safe_dump(preset, sort_keys=False, allow_unicode=True, width=110))
