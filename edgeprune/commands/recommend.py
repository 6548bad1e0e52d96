"""Choose among trained and measured runs: the best that satisfies a device's limits, and how to get it."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune import files
from edgeprune.errors import EdgepruneError

if TYPE_CHECKING:
    from edgeprune.reporting import Row
    from edgeprune.reporting.choice import Constraint
    from edgeprune.tasks.base import Metric


class Unsatisfied(EdgepruneError):
    """No run satisfies every constraint: an answer, and no wrong command."""

    status = 3


#: Options that limit a column: name, column, what it is called, kind of unit, whether it needs a device, help.
LIMITS = (
    ("latency", "latency_p50_ms", "median latency", "time", True, "median time of an inference, e.g. 10ms"),
    ("energy", "energy_mj", "energy per inference", "energy", True, "per inference above idle, e.g. 5mJ"),
    ("memory", "peak_memory", "memory", "bytes", False,
     "weights and the largest set of feature maps alive at one time, computed, e.g. 2MB"),
    ("process-memory", "peak_rss_bytes", "process memory", "bytes", True,
     "peak resident memory that the measuring process had, the runtime's own included"),
    ("model-size", "file_bytes", "model file", "bytes", False, "size of the ONNX file, e.g. 500kB"),
)  # fmt: skip


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--results", required=True, metavar="FOLDER", help="results/<preset> of a preset that was run")
    parser.add_argument("--device", metavar="D", help="where it must be fast; not needed if only one was measured")
    parser.add_argument("--runtime", help="fp32 (default) or int8, as measured")
    for name, _, _, _, _, text in LIMITS:
        parser.add_argument(f"--{name}", metavar="AMOUNT", help=f"at most: {text}")
    better = "at least (at most, where less is better), on the validation split, e.g. 90%% or 28.5dB"
    parser.add_argument("--score", metavar="SCORE", help=better)
    parser.add_argument("--accuracy", metavar="SCORE", help="another name of --score")
    parser.add_argument("--network", metavar="N", help="only this network")
    parser.add_argument("--dataset", metavar="D", help="needed if the results are of several data sets")
    parser.add_argument("--config", metavar="FILE", help="write a preset here that searches closer to the constraints")
    parser.add_argument("--force", action="store_true", help="--config may replace a file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: Namespace) -> None:
    from edgeprune.reporting import advice, choice, notes, runs

    if args.config:
        from edgeprune.reporting import refine  # needs the packages of the pipeline

        refine.refuse_overwriting(args.config, args.force)
    rows = choice.of_pair(read(args.results), args.network, args.dataset)
    metric = runs.headline(rows)
    limits = constraints(args, metric)
    needed = bool(args.runtime) or any(
        getattr(args, name.replace("-", "_")) is not None for name, _, _, _, device, _ in LIMITS if device
    )
    everywhere = runs.group(rows)
    rows = choice.at_place(rows, args.device, args.runtime, needed)
    groups = runs.group(rows)
    choice.check_measured(groups, limits)
    chosen, place = choice.choose(groups, limits, metric), runs.place(rows[0])
    found = advice.model(args.results, chosen, rows) if chosen.chosen else None
    if args.json:
        print(json.dumps(advice.data(chosen, place, found, metric, args.config), indent=2, allow_nan=False))
    else:
        print(advice.text(args.results, chosen, rows, found, notes.slow(groups, everywhere)))
    if args.config:
        from edgeprune.reporting import refine

        preset, how = refine.preset(chosen, metric, Path(args.results) / "config.yaml", rows[0]["device"])
        _write(args.config, preset, how)
        if not args.json:
            print(f"\nWrote {args.config}, to search closer. {how}.")
            print(f"  snakemake --config preset={Path(args.config).stem}   (a preset lies in presets/)")
    if not chosen.best:
        raise Unsatisfied("no run satisfies all constraints", remedy="see above what to change")


def read(results: str | Path) -> list[Row]:
    """The rows of a preset: its table of runs, or what the table is made of."""
    from edgeprune.reporting import runs

    folder = Path(results)
    table = folder / "draw_figures" / "runs.csv"
    if table.is_file():
        return runs.read_csv(table)
    metrics = sorted(folder.glob("train_network/*/*/*/seed-*/metrics.json"))
    if not metrics:
        raise EdgepruneError(
            "holds no results", file=results, key="--results",
            remedy=f"run the preset, or `dvc pull {folder / 'draw_figures'}`",
        )  # fmt: skip
    timings = [path.with_name("timing.json") for path in metrics if path.with_name("timing.json").is_file()]
    return runs.read(metrics, sorted(folder.glob("measure_model/*/*/*/*/*/seed-*.json")), timings)


def constraints(args: Namespace, metric: Metric) -> list[Constraint]:
    from edgeprune.reporting import units
    from edgeprune.reporting.choice import Constraint

    found = []
    for name, column, title, kind, _, _ in LIMITS:
        given = getattr(args, name.replace("-", "_"))
        if given is not None:
            found.append(Constraint(f"--{name}", column, title, units.parse(given, kind, f"--{name}")))
    for option, given in (("--score", args.score), ("--accuracy", args.accuracy)):
        if given is not None:
            title, limit = f"validation {units.inside(metric.title)}", units.parse_score(given, metric, option)
            found.append(Constraint(option, "val", title, limit, at_least=metric.higher_is_better))
    if not found:
        names = ", ".join(f"--{name}" for name, *_ in LIMITS)
        raise EdgepruneError("no constraint is given", remedy=f"give at least one of {names}, --score")
    return found


def _write(path: str, preset: dict[str, Any], how: str) -> None:
    import yaml

    text = f"# Written by `edgeprune recommend`. {how}.\n"
    files.write_text(path, text + yaml.safe_dump(preset, sort_keys=False, allow_unicode=True, width=110))
