"""A choice in words, and as data for machines."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune import identity
from edgeprune.measuring import program
from edgeprune.names import INT8
from edgeprune.reporting import Row, difference, notes, pairs, runs, units
from edgeprune.reporting.choice import RULE, Choice
from edgeprune.tasks.base import Metric

QUANTIZED_NOTE = (
    "The validation score is the fp32 network's; of the int8 model only the test score was measured, shown here."
)


def model(results: str | Path, choice: Choice, rows: Sequence[Row]) -> dict[str, Any]:
    """Where the model of the best group is: of the run that :meth:`edgeprune.reporting.choice.Choice.member` names.

    Args:
        results: the folder ``results/<preset>``.
        choice: with a best group.
        rows: the runs it was made of; an int8 model is another file.

    Returns:
        dict: seed, paths, which of them are on this disk, its own values, and commands.
    """
    run = choice.member(_members(choice.satisfying[0], rows))
    where, trained = identity.folder(run), Path(results) / "train_network"
    exported = Path(results) / "quantize_model" if run["runtime"] in INT8 else trained
    paths = {
        "onnx": exported / where / "model.onnx",
        "checkpoint": trained / where / "model.pt",
        "dense_onnx": trained / identity.folder({**run, "variant": "dense"}) / "model.onnx",
    }
    # whole folders: files of a job belong together, and Snakemake misses the others
    absent = dict.fromkeys(path.parent for path in paths.values() if not path.is_file())
    return {
        "seed": run["seed"],
        "plan_seed": run["plan_seed"],
        "own": {c.option: c.show(run) for c in choice.constraints},
        "satisfies": all(c.holds(run) for c in choice.constraints),
        **{name: str(path) for name, path in paths.items()},
        "here": {name: path.is_file() for name, path in paths.items()},
        "pull": f"dvc pull {shlex.join(map(str, absent))}" if absent else None,
        "measure": shlex.join(
            ["python", _from_here(program.FOLDER)]
            + ["--model", str(paths["onnx"]), "--reference", str(paths["dense_onnx"])]
        ),
    }


def _from_here(path: Path) -> str:
    """As short as it can be typed: in a checkout, the path that the documentation names."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def data(
    choice: Choice, place: str | None, found: dict[str, Any] | None, metric: Metric, preset: str | None = None
) -> dict[str, Any]:
    """The choice as JSON can hold it; differences of validation scores are in the metric's unit."""
    return {
        "place": place,
        "rule": RULE,
        "constraints": [
            {"option": c.option, "column": c.column, "limit": c.limit.value, "at_least": c.at_least}
            for c in choice.constraints
        ],
        "satisfying": [_row(row) for row in choice.satisfying],
        "failing": [_row(row) for row in choice.failing],
        "excluded": [
            {"option": c.option, "fails": len(out), "fails_only_this": len(alone), "nearest": near and near["variant"]}
            for c, out, alone, near in choice.excluded()
        ],
        "best": choice.best and _row(choice.best),
        "best_against": [
            {
                "network": c.baseline["network"],
                "variant": c.baseline["variant"],
                "told_apart": sure.verdict is not None,
                "difference": sure.value,
                "low": sure.low,
                "high": sure.high,
                "p_holm": sure.adjusted,
                "n": [sure.first.n, sure.second.n],
            }
            for c, sure in pairs.known(pairs.with_best(choice.satisfying, metric))
        ],
        "model": found,
        "preset": preset,
    }


def text(choice: Choice, rows: Sequence[Row], place: str | None, found: dict[str, Any] | None) -> str:
    """The choice for a terminal.

    Args:
        choice: of groups.
        rows: the runs they were made of.
        place: where they were measured, or None.
        found: what :func:`model` returned, or None if nothing satisfies.
    """
    metric = runs.headline(rows)
    everything = choice.satisfying + choice.failing
    lines = [f"Wanted{f' on {place}' if place else ''}: " + ", ".join(map(str, choice.constraints))]
    if any(c.column == "peak_memory" for c in choice.constraints):
        lines.append("Memory is computed: the weights and the largest set of feature maps alive at one time.")
    if any(c.column == "energy_mj" for c in choice.constraints) and notes.energy(everything):
        lines.append(f"The energy is {notes.energy(everything)}, not read from a sensor.")
    if place and place.endswith("int8)"):
        lines.append(QUANTIZED_NOTE)
    lines += ["", f"{len(choice.satisfying)} of {len(everything)} satisfy all (means over the runs):"]
    if best := choice.best:
        lines += _table(choice, choice.satisfying, rows, metric)
        lines += ["", f"Best: {_name(best)} with a validation score of {units.score(best['val'], metric)}."]
        lines.append(f"  Rule: {RULE}. The test score ({_test(best, metric)}) decides nothing.")
        lines += _level(choice, metric)
        broken = [c.option for c in choice.constraints if not all(c.holds(row) for row in _members(best, rows))]
        if broken:
            lines.append(f"  Mind: not every run satisfies {' and '.join(broken)}; the mean does.")
    else:
        lines += ["  none", "", "Nearest:", *_table(choice, choice.failing[:3], rows, metric)]
    lines += ["", *_exclusions(choice, len(everything))]
    if not choice.satisfying:
        lines += ["", *_changes(choice)]
    if found:
        lines += ["", *_how_to_get(found)]
    return "\n".join(lines)


def _level(choice: Choice, metric: Metric) -> list[str]:
    """Which of the others that satisfy all can't be told from the best on validation, and how far they may be."""
    compared = pairs.known(pairs.with_best(choice.satisfying, metric))
    if not compared:
        return []
    level = [(c, found) for c, found in compared if found.verdict is None]
    others = f"{len(compared)} other{'s' if len(compared) > 1 else ''}"
    count = max((found.family for _, found in compared if found.p is not None), default=0)
    how = f"Welch, unpaired; Holm over {count} pair{'s' if count != 1 else ''}"
    if not level:
        return [f"  On validation it is told apart from the {others} ({how})."]
    lines = [f"  On validation it is not told apart from {len(level)} of {others} ({how}):"]
    for c, found in level:
        amount = f"{difference.signed(found.value, metric.decimals)} {metric.difference}".rstrip()
        sure = f"{difference.interval(found, metric.decimals)}, corrected p {difference.probability(found.adjusted)}"
        if found.reason or found.only_alone:
            sure = f"({difference.words(found, metric.decimals)})"
        lines.append(f"    {_name(c.baseline)}: {amount} {sure}")
    return lines


def _exclusions(choice: Choice, total: int) -> list[str]:
    lines = ["What excludes the others:"]
    for constraint, out, alone, near in choice.excluded():
        said = f"  {constraint}: {len(out)} of {total}"
        if out:
            said += f", {len(alone)} by this alone"
        if near:
            said += f"; nearest {_name(near)} with {constraint.show(near)} ({100 * constraint.miss(near):.1f} % beyond)"
        unknown = sum(row[constraint.column] is None for row in out)
        lines.append(said + (f"; {unknown} not measured" if unknown else ""))
    return lines


def _changes(choice: Choice) -> list[str]:
    lines = ["What to change, one of:"]
    lines += [f"  {constraint.relaxed(row)} admits {_name(row)}" for constraint, row in choice.concessions()]
    nearest = choice.failing[0]
    if len(lines) == 1 and all(nearest[c.column] is not None for c in choice.constraints):
        together = " ".join(c.relaxed(nearest) for c in choice.constraints if not c.holds(nearest))
        lines.append(f"  {together}, together, admit {_name(nearest)}")
    if any(c.column != "val" for c in choice.constraints):
        lines.append("  --config FILE writes a preset with targets nearer to the constraints; run it and ask again")
    return lines


def _how_to_get(found: dict[str, Any]) -> list[str]:
    fit = "the best on validation of its runs that satisfy all"
    if not found["satisfies"]:
        fit = "none of its runs alone satisfies all"
    seed = identity.seed_name(found["plan_seed"], found["seed"])
    lines = [f"Its model (seed {seed}, {fit}; {', '.join(found['own'].values())}):"]
    for name, title in (("onnx", "ONNX      "), ("checkpoint", "checkpoint")):
        lines.append(f"  {title}  {found[name]}{'' if found['here'][name] else '  (not on this disk)'}")
    if found["pull"]:
        lines.append(f"  get it      {found['pull']}")
    lines.append(f"  measure     {found['measure']}")
    lines.append("              (on a board: copy these three files there; they need numpy and onnxruntime)")
    return lines


def _table(choice: Choice, groups: Sequence[Row], rows: Sequence[Row], metric: Metric) -> list[str]:
    """Aligned columns; after a mean that is constrained, the worst of its runs in brackets."""
    costs = [c for c in choice.constraints if c.column != "val"]
    scored = next((c for c in choice.constraints if c.column == "val"), None)
    head = ["", "runs", "validation", "test", *(c.title for c in costs)]
    cells = []
    for row in groups:
        members = _members(row, rows)
        val = units.score(row["val"], metric)
        if scored and len(members) > 1:
            val += f" (worst {units.score(max(members, key=scored.miss)['val'], metric)})"
        line = [_name(row), str(row["n"]), val, _test(row, metric)]
        for constraint in costs:
            worst = max(members, key=constraint.miss)
            line.append(constraint.show(row) + (f" (worst {constraint.show(worst)})" if len(members) > 1 else ""))
        cells.append(line)
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(len(head))]
    return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in [head, *cells]]


def _members(group: Row, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if all(row.get(key) == group[key] for key in runs.GROUP)]


def _name(row: Row) -> str:
    return f"{row['network']} {row['variant']}"


def _test(row: Row, metric: Metric) -> str:
    return "not measured" if row["score"] is None else units.score(row["score"], metric, row["score_std"])


def _row(row: Row) -> Row:
    keys = ("network", "dataset", "variant", "n", "val", "score", "score_std", "latency_p50_ms", "peak_memory",
            "peak_rss_bytes", "file_bytes", "energy_mj", "energy_source")  # fmt: skip
    return {key: row[key] for key in keys}
