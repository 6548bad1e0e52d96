"""The first page of a preset's results, ``index.html``: the answer, then everything to judge it by.

One file, which needs neither a network nor a server. Its text reads without a script. What moves (the scatter, the
filter of the table, the curves) is ``index.js``, which gets the numbers as JSON; it draws by Vega-Lite, which lies
packed in the page.
"""

import base64
import csv
import gzip
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune import files, identity
from edgeprune.reporting import Row, answer, choice, columns, environment, runs, table, units
from edgeprune.reporting.answer import Answer
from edgeprune.reporting.table import COLUMNS, Column
from edgeprune.reporting.templates import render
from edgeprune.tasks.base import Metric

#: Where Snakemake keeps the libraries of its own report, in the order in which they are loaded.
LIBRARIES = ("vega/vega.js", "vega-lite/vega-lite.js", "vega-embed/vega-embed.js")
#: Columns that are always shown, beside the network's name; the others are behind a switch.
MAIN = ("val", "score", "latency_ms", "speedup", "params", "flops", "peak_memory")
#: Of a row: a sign, and what it says. Rows are shown in this order.
MARKS = {
    "take": ("★", "the network to take"),
    "nearest": ("☆", "the nearest to the limits"),
    "tie": ("=", "not told from the best on validation"),
    "": ("", ""),
}
CURVES = 40  # variants whose training is drawn, the ones to take and to compare with first


@dataclass(frozen=True)
class Line:
    """A group in the table: its number in the JSON, name, mark (of :data:`MARKS`, or empty), cells and runs' files."""

    number: int
    name: str
    place: str
    mark: str
    cells: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Part:
    """All of one data set. ``heads`` are ``(key, title)`` of the table's columns at each place, ``widths`` ``(layer,
    dense, kept)`` of the network to take, ``picture`` a PNG as a data URL, ``sources`` ``(what, rule, file)``."""

    answer: Answer
    places: tuple[str, ...]
    heads: dict[str, tuple[tuple[str, str], ...]]
    lines: tuple[Line, ...]
    widths: tuple[tuple[str, int, int], ...]
    picture: str | None
    sources: tuple[tuple[str, str, str], ...]
    data: dict[str, Any]


def page(
    results: str | Path,
    config: Mapping[str, Any],
    curves: str | Path,
    libraries: str | Path,
    pictures: Iterable[str | Path] = (),
    root: str | Path = ".",
) -> str:
    """The page of ``results/<preset>``, from its table of runs.

    Args:
        results: the folder; links are relative to it.
        config: the effective configuration.
        curves: of :func:`edgeprune.reporting.curves.of_runs`, as CSV.
        libraries: the folder that has :data:`LIBRARIES`.
        pictures: PNGs of samples, ``<network>/<dataset>/samples.png``.
        root: of the git repository whose commit is named.

    Raises:
        EdgepruneError: the folder holds no results.
    """
    rows = runs.of_folder(results)
    shown = {Path(picture).parts[-3:-1]: Path(picture) for picture in pictures}
    with open(curves, newline="", encoding="utf-8") as stream:
        trained = list(csv.DictReader(stream))
    parts = [_part(Path(results), rows, found, trained, shown) for found in answer.answers(results, config, rows)]
    packed = gzip.compress(b";\n".join(Path(libraries, name).read_bytes() for name in LIBRARIES), mtime=0)
    return render(
        "index.html",
        title=config.get("title", config["preset"]),
        preset=config["preset"],
        main=("name", *MAIN),
        parts=parts,
        marks=MARKS,
        count=len({identity.folder(row) for row in rows}),
        commit=environment.commit(root),
        data=_json([part.data for part in parts]),
        library=base64.b64encode(packed).decode(),
    )


def _part(
    results: Path,
    rows: Sequence[Row],
    found: Answer,
    trained: Sequence[Mapping[str, str]],
    pictures: Mapping[tuple[str, ...], Path],
) -> Part:
    rows = [choice.own(row) for row in rows if row["dataset"] == found.dataset]
    groups = runs.group(rows)
    metrics = runs.metrics(rows)
    every = [_of_validation(metrics[0]), *table.scores(metrics), *COLUMNS]
    shown = [column for column in every if any(row.get(column.key) is not None for row in groups)]
    several = len({row["network"] for row in rows}) > 1
    heads, lines, numbers, members = {}, [], [], {}
    for row in rows:
        members.setdefault(_group(row), []).append(row)
    for place in dict.fromkeys(map(runs.place, groups)):
        here = [row for row in groups if runs.place(row) == place]
        here.sort(key=lambda row: list(MARKS).index(_mark(row, found)))
        section = table.section("", shown, here)
        keys = ("method", "target", "n", *(column.key for column in shown))
        order = sorted(range(len(keys)), key=lambda i: MAIN.index(keys[i]) if keys[i] in MAIN else len(MAIN) + i)
        heads[place or ""] = tuple((keys[i], section.heads[i]) for i in order)
        for row, texts in zip(here, section.rows):
            name = f"{row['network']} {row['variant']}" if several else row["variant"]
            folders = ((_seed(run), identity.folder(run)) for run in members[_group(row)])
            links = tuple((seed, f"train_network/{folder}/metrics.json") for seed, folder in folders)
            mark = _mark(row, found)
            lines.append(Line(len(lines), name, place or "", mark, tuple(texts[i] for i in order), links))
            numbers.append(_numbers(row, shown) | {"name": name, "mark": mark})
    return Part(
        found,
        tuple(heads),
        heads,
        tuple(lines),
        tuple(_widths(results, found)),
        _embedded(pictures.get((found.row["network"], found.dataset))),
        tuple(_sources(results, found)),
        {
            "place": found.place,
            "axes": [axis for column in shown if (axis := _axis(column, groups))],
            "groups": numbers,
            "runs": [_numbers(row, shown) | _run(row) for row in rows],
            "curves": _curves(trained, found, metrics[0]),
            "metric": metrics[0].label,
        },
    )


def _group(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in runs.GROUP)


def _of_validation(metric: Metric) -> Column:
    title = f"Validation {units.inside(metric.label)}"
    return Column(title, "val", factor=metric.scale, places=metric.decimals, spread=True)


def _mark(row: Row, found: Answer) -> str:
    def same(other: Row) -> bool:
        return all(row[key] == other[key] for key in ("network", "variant"))

    if runs.place(row) != found.place:
        return ""
    if same(found.row):
        return "take" if found.model else "nearest"
    return "tie" if any(map(same, found.choice.level)) else ""


def _numbers(row: Row, shown: Sequence[Column]) -> Row:
    """What the row has of each column, as JSON can hold it, and what the chart tells rows apart by."""
    numbers = {column.key: row.get(column.key) for column in shown}
    known = {key: value for key, value in numbers.items() if value is not None and math.isfinite(value)}
    return known | {"series": runs.label(row), "place": runs.place(row)}


def _run(row: Row) -> Row:
    names = {"name": f"{row['network']} {row['variant']}", "seed": _seed(row)}
    return names | {"file": row["metrics_file"], "measured": row["measurement_file"]}


def _seed(row: Row) -> str:
    return identity.seed_name(row["plan_seed"], row["seed"])


def _axis(column: Column, groups: Sequence[Row]) -> dict[str, Any] | None:
    """How the chart shows a column; None of one in which they do not differ, or that is an interval."""
    values = [row[column.key] for row in groups if row[column.key] is not None]
    if len(set(values)) < 2 or column.key == "score_half":
        return None
    divisor, unit = units.scale(values, column.kind)
    title = f"{column.title} ({unit})" if unit else column.title
    return {"key": column.key, "title": title, "scale": column.factor / divisor}


def _curves(trained: Sequence[Mapping[str, str]], found: Answer, metric: Metric) -> list[dict[str, Any]]:
    """``{name, mark, values}`` of the training of the network's variants: the validation score after each epoch."""
    pair, level = f"{found.row['network']} on {found.dataset}", [row["variant"] for row in found.choice.level]
    values = {}
    for row in trained:
        if row["pair"] == pair:
            values.setdefault(row["variant"], []).append(float(f"{metric.scale * float(row['val']):.5g}"))
    first = [found.row["variant"], "dense", *level, *values]
    marks = {"dense": "dense", found.row["variant"]: "take" if found.model else "nearest"}
    names = [name for name in dict.fromkeys(first) if name in values][:CURVES]
    return [{"name": name, "mark": marks.get(name, "other"), "values": _finite(values[name])} for name in names]


def _finite(values: Iterable[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]


def _plan(results: Path, found: Answer) -> tuple[str, str]:
    """The rule and the file of the plan: drawn, or what is left of a trained network."""
    where = identity.folder(found.run)
    pruned = f"train_network/{where}/pruned/plan.json"
    return ("prune_trained", pruned) if (results / pruned).is_file() else ("sample_plan", f"sample_plan/{where}.json")


def _widths(results: Path, found: Answer) -> Iterable[tuple[str, int, int]]:
    file = results / _plan(results, found)[1]
    if not file.is_file():
        return []
    plan = files.read_json(file)
    return [(layer, dense, kept) for layer, (dense, kept) in plan["layers"].items()]


def _embedded(picture: Path | None) -> str | None:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}" if picture else None


def _sources(results: Path, found: Answer) -> Iterable[tuple[str, str, str]]:
    """``(what, rule, file)`` of the numbers of the network to take."""
    where, row = identity.folder(found.run), found.row
    trained = "quantize_model" if columns.is_int8(row) else "train_network"
    yield "its runs, one a row; means are of these", "write_table", "draw_figures/runs.csv"
    yield "scores, parameters, FLOPs, memory", "train_network", f"train_network/{where}/metrics.json"
    if row["device"]:
        place = f"{row['device']}/{row['runtime']}"
        yield "latency, speed-up, energy", "measure_model", f"measure_model/{place}/{where}.json"
    if columns.is_int8(row):
        yield "scores in int8", trained, f"{trained}/{where}/quantized.json"
    yield "its training", "train_network", f"train_network/{where}/history.csv"
    yield "its plan", *_plan(results, found)
    yield "the network", trained, f"{trained}/{where}/model.onnx"


def _json(value: object) -> str:
    """JSON that may stand in a script element: nothing in it can end that."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
