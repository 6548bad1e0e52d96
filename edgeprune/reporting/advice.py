"""A choice in words, and as data for machines."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune import identity
from edgeprune.measuring import program
from edgeprune.reporting import Row, columns, notes, runs, standing, terminal, units
from edgeprune.reporting.choice import RULE, Choice
from edgeprune.reporting.standing import Gap
from edgeprune.tasks.base import Metric

QUANTIZED_NOTE = (
    "The validation score is the fp32 network's; of the int8 model only the test score is on record, shown here."
)


def model(results: str | Path, choice: Choice, rows: Sequence[Row]) -> dict[str, Any]:
    """Where the model of the chosen group is: of the run that :meth:`edgeprune.reporting.choice.Choice.member` names.

    Args:
        results: the folder ``results/<preset>``.
        choice: with a chosen group.
        rows: the runs it was made of; an int8 model is another file.

    Returns:
        dict: seed, paths, which of them are on this disk, its own values, and commands.
    """
    run = choice.member(runs.members(choice.chosen or {}, rows))
    where, trained = identity.folder(run), Path(results) / "train_network"
    exported = Path(results) / "quantize_model" if columns.is_int8(run) else trained
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
        "satisfying": [
            _row(row) | {"val_half": standing.half_width(row, choice.satisfying, metric)} for row in choice.satisfying
        ],
        "failing": [_row(row) for row in choice.failing],
        "excluded": [
            {"option": c.option, "fails": len(out), "fails_only_this": len(alone), "nearest": near and near["variant"]}
            for c, out, alone, near in choice.excluded()
        ],
        "chosen": choice.chosen and _row(choice.chosen),
        "cheapest_by": "speed" if choice.timed and len(choice.as_fast) == 1 else "flops",
        "level": [_row(row) for row in choice.level],
        "best": choice.best and _row(choice.best),
        "best_against": [
            {
                "network": gap.row["network"],
                "variant": gap.row["variant"],
                "told_apart": gap.told,
                "difference": gap.value,
                "low": None if gap.half is None else gap.value - gap.half,
                "high": None if gap.half is None else gap.value + gap.half,
                "n": list(gap.counts),
                "runs_to_tell": None if gap.told else gap.runs_to_tell(),
            }
            for gap in choice.gaps
        ],
        "model": found,
        "preset": preset,
    }


def text(
    results: str | Path, choice: Choice, rows: Sequence[Row], found: dict[str, Any] | None, slow: Sequence[str] = ()
) -> str:
    """The choice for a terminal.

    Args:
        results: the folder ``results/<preset>``.
        choice: of groups.
        rows: the runs they were made of, of one place or none.
        found: what :func:`model` returned, or None if nothing satisfies.
        slow: sentences on runtimes that are slower than another.
    """
    metric, place = runs.headline(rows), runs.place(rows[0])
    everything = choice.satisfying + choice.failing
    lines = [f"Wanted{f' on {place}' if place else ''}: " + ", ".join(map(str, choice.constraints))]
    if any(c.column == "peak_memory" for c in choice.constraints):
        lines.append("Memory is computed: the weights and the largest set of feature maps alive at one time.")
    if any(c.column == "energy_mj" for c in choice.constraints) and notes.energy(everything):
        lines.append(f"The energy is {notes.energy(everything)}, not read from a sensor.")
    if columns.is_int8(rows[0]) and any(row.get("own_val") is None for row in rows):
        lines.append(QUANTIZED_NOTE)
    lines += slow
    if chosen := choice.chosen:
        lines += ["", f"Take {_name(chosen)}, {why(choice)}."]
        lines += [f"  {line}" for line in _standing(results, choice, rows, metric)]
        broken = [c.option for c in choice.constraints if not all(c.holds(row) for row in runs.members(chosen, rows))]
        if broken:
            lines.append(f"  Mind: not every run satisfies {' and '.join(broken)}; the mean does.")
        lines.append(f"  The rule: {RULE}. The test score ({_test(chosen, metric)}) decides nothing.")
    lines = terminal.wrap(lines)
    lines += ["", f"{len(choice.satisfying)} of {len(everything)} satisfy all (means over the runs):"]
    if choice.satisfying:
        lines.append(_table(choice, choice.satisfying, rows, metric))
    else:
        lines += ["  none", "", "Nearest:", _table(choice, choice.failing[:3], rows, metric)]
    lines += ["", *terminal.wrap(_exclusions(choice, len(everything)))]
    if not choice.satisfying:
        lines += ["", *terminal.wrap(_changes(choice))]
    if found:
        lines += ["", *_how_to_get(found)]
    return "\n".join(lines)


def why(choice: Choice) -> str:
    """What the chosen one is, of which."""
    level, fast = choice.level, choice.as_fast
    if len(level) == 1:
        return "the best on validation" if len(choice.satisfying) > 1 else "which alone satisfies all"
    of = f"{len(level)} that cannot be told from the best on validation"
    if not choice.timed:
        return f"with the fewest FLOPs of the {of} (speed was not measured)"
    if len(fast) == 1:
        return f"the fastest of the {of}"
    if len(fast) == len(level):
        return f"with the fewest FLOPs of the {of}, nor from the fastest of them"
    return f"with the fewest FLOPs of the {len(fast)} that cannot be told from the fastest, among {of}"


def _standing(results: str | Path, choice: Choice, rows: Sequence[Row], metric: Metric) -> list[str]:
    """Who cannot be told from the best, on how many images and runs, and what would tell the chosen one from it."""
    if not choice.gaps:
        return []
    best, chosen, many = choice.best or {}, choice.chosen or {}, len(choice.gaps)
    images = best.get("val_images")
    ran = f"{_counts(choice.satisfying)}, {f'{images:g} validation images' if images else 'images not on record'}"
    lines = [f"Best on validation: {_name(best)}, {units.score(best['val'], metric)} ({ran})."]
    if all(gap.half is None for gap in choice.gaps):
        return [
            *lines,
            "How far scores spread is not on record (one run each, trained by an earlier version): no ties.",
        ]
    level = [gap for gap in choice.gaps if not gap.told]
    if not level:
        return [*lines, f"It is told from {'all ' if many > 1 else ''}the {many} other{'s' if many > 1 else ''}."]
    lines.append(f"It cannot be told from {len(level)} of {many} other{'s' if many > 1 else ''}, marked = below.")
    if not level[0].run:
        lines += ["One run each: how far another training would land counts nowhere here. To know it:"]
        lines += [_more_runs(results, rows, 3)]
    for gap in level:
        if gap.row is chosen:
            lines += _to_tell(results, gap, rows, metric, images)
    return lines


def _to_tell(results: str | Path, gap: Gap, rows: Sequence[Row], metric: Metric, images: float | None) -> list[str]:
    """What it would take to know whether the chosen one, of this gap, is behind the best."""
    runs_needed, pictures = gap.runs_to_tell(), gap.images_to_tell(int(images)) if images else None
    so = f"If {_amount(gap.value, metric)} are the truth"
    if runs_needed:
        now = max(gap.counts)
        return [f"{so}, about {runs_needed} runs each would tell (now {now}):", _more_runs(results, rows, runs_needed)]
    if pictures:
        return [f"{so}, no number of runs would tell on these images; about {pictures} images might."]
    return [f"More than {standing.MOST_RUNS} runs each would be needed: take them for equal."] if gap.run else []


def _more_runs(results: str | Path, rows: Sequence[Row], count: int) -> str:
    first = min(row["seed"] for row in rows)
    return f'  snakemake --config preset={Path(results).name} "seeds=[$(seq -s, {first} {first + count - 1})]"'


def _amount(value: float, metric: Metric) -> str:
    return f"{value:.{metric.decimals}f} {metric.difference}".rstrip()


def _counts(groups: Sequence[Row]) -> str:
    least, most = (extreme(row["val_n"] for row in groups) for extreme in (min, max))
    return f"{least if least == most else f'{least} to {most}'} run{'s' if most > 1 else ''} each"


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
    lines = terminal.wrap([f"Its model (seed {seed}, {fit}; {', '.join(found['own'].values())}):"])
    for name, title in (("onnx", "ONNX      "), ("checkpoint", "checkpoint")):
        lines.append(f"  {title}  {found[name]}{'' if found['here'][name] else '  (not on this disk)'}")
    if found["pull"]:
        lines.append(f"  get it      {found['pull']}")
    lines.append("  measure     " + found["measure"].replace(" --", " \\\n                --"))
    lines.append("              (on a board: copy these three files there; they need numpy and onnxruntime)")
    return lines


def _table(choice: Choice, groups: Sequence[Row], rows: Sequence[Row], metric: Metric) -> str:
    """Aligned columns; after a mean that is constrained, the worst of its runs in brackets. ``→`` is the chosen one,
    ``=`` what cannot be told from the best."""
    costs = [c for c in choice.constraints if c.column != "val"]
    scored = next((c for c in choice.constraints if c.column == "val"), None)
    head = ["", "runs", "validation (± 95 %)", "behind the best", "test (± 1 sd)", "FLOPs", "speed-up"]
    head += [c.title for c in costs]
    gaps = {id(gap.row): gap for gap in choice.gaps}
    cells = []
    for row in groups:
        members = runs.members(row, rows)
        half = standing.half_width(row, choice.satisfying or groups, metric)
        val = units.score(row["val"], metric, half and half / metric.scale)
        if scored and len(members) > 1:
            val += f" (worst {units.score(max(members, key=scored.miss)['val'], metric)})"
        mark = "→" if row is choice.chosen else "=" if any(row is other for other in choice.level) else " "
        line = [f"{mark} {_name(row)}", str(row["n"]), val, _behind(gaps.get(id(row)), metric), _test(row, metric)]
        line += [units.one(row["flops"], "flops"), _speed(row)]
        for constraint in costs:
            worst = max(members, key=constraint.miss)
            line.append(constraint.show(row) + (f" (worst {constraint.show(worst)})" if len(members) > 1 else ""))
        cells.append(line)
    return terminal.table([head, *cells], indent="  ")


def _behind(gap: Gap | None, metric: Metric) -> str:
    if gap is None:
        return "–"
    return units.spread(gap.value, gap.half, metric.decimals) + f" {metric.difference}"


def _speed(row: Row) -> str:
    if row["speedup"] is None:
        return "–"
    return f"{row['speedup']:.2f} [{row['speedup_low']:.2f}, {row['speedup_high']:.2f}]" + " ≈" * notes.is_unresolved(
        row
    )


def _name(row: Row) -> str:
    return f"{row['network']} {row['variant']}"


def _test(row: Row, metric: Metric) -> str:
    return "not measured" if row["score"] is None else units.score(row["score"], metric, row["score_std"])


def _row(row: Row) -> Row:
    keys = ("network", "dataset", "variant", "n", "val", "score", "score_std", "params", "flops", "speedup",
            "latency_ms", "latency_p50_ms", "peak_memory", "peak_rss_bytes", "file_bytes", "energy_mj",
            "energy_source")  # fmt: skip
    return {key: row[key] for key in keys}
