"""The results table: tidy CSV of the runs and of the groups, and Markdown, LaTeX and HTML for people.

A table for people has a section for each network, dataset and place (device and runtime), and every column one unit.
What the files look like is in :mod:`edgeprune.reporting.templates`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgeprune import tasks
from edgeprune.reporting import Row, baseline, notes, pairs, runs, units
from edgeprune.reporting.templates import render
from edgeprune.tasks.base import Metric

_IOU = "score_iou_"  # of a column, before a class


@dataclass(frozen=True)
class Column:
    """A number of the grouped rows as people see it.

    Attributes:
        title: the head, to which the unit is added.
        key: of the grouped rows.
        kind: of :func:`edgeprune.reporting.units.scale`.
        factor: by which the value is shown.
        places: decimals; None for those that give the largest value three significant digits.
        each: whether every value has three significant digits, instead of as many decimals as the others.
        spread: whether the standard deviation follows.
        interval: whether ``<key>_low`` and ``<key>_high`` follow in brackets.
        paper: whether the LaTeX table has it too, which must fit on a page.
    """

    title: str
    key: str
    kind: str = ""
    factor: float = 1.0
    places: int | None = None
    each: bool = False
    spread: bool = False
    interval: bool = False
    paper: bool = True


COLUMNS = (
    Column("Params", "params", "params"),
    Column("−Params (%)", "reduction_params", factor=100, places=1),
    Column("MACs", "macs", "macs", paper=False),
    Column("FLOPs", "flops", "flops"),
    Column("−FLOPs (%)", "reduction_flops", factor=100, places=1),
    Column("Feature maps", "memory", "bytes"),
    Column("−Feature maps (%)", "reduction_memory", factor=100, places=1),
    Column("Peak memory", "peak_memory", "bytes"),
    Column("Narrowest layer (%)", "narrowest_kept", factor=100, places=0, paper=False),
    Column("Latency", "latency_ms", "time", spread=True),
    Column("Speed-up", "speedup", places=2, spread=True, interval=True),
    Column("CPU (% of a core)", "cpu_percent", places=0, paper=False),
    Column("Memory above idle", "model_rss_bytes", "bytes"),
    Column("Energy (mJ)", "energy_mj", spread=True),
    Column("ONNX file", "file_bytes", "bytes"),
    Column("Epochs", "epochs", places=0, paper=False),
    Column("Training", "training_flops", "flops"),
    Column("Training time", "training_seconds", "seconds", paper=False),
    Column("Training energy (J)", "training_joules", paper=False),
)


@dataclass(frozen=True)
class Section:
    """One network on one dataset and place: a title, the columns' heads and rows of text.

    ``values`` holds for each cell the number behind it (or its text), to sort by; ``notes`` are sentences that must
    stand beside the numbers, ``compared`` one that says who is ahead (empty where nothing was compared).
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()
    compared: str = ""

    @property
    def said(self) -> tuple[str, ...]:
        """All sentences that belong to the table."""
        return tuple(filter(None, (self.compared, *self.notes)))

    @property
    def cells(self) -> tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...]:
        """``(texts, values)`` of each row."""
        return tuple(zip(self.rows, self.values))


def to_csv(rows: Sequence[Row]) -> str:
    """``rows`` as CSV text, their columns in the order of the first row that has them; None is empty."""
    import pandas  # here, because it is slow and nothing else of this module needs it

    # As objects: a column of whole numbers that lacks one would become one of floats.
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return pandas.DataFrame(rows, columns=columns, dtype=object).to_csv(index=False, lineterminator="\n")


def scores(metrics: Sequence[Metric], brief: bool = False) -> list[Column]:
    """The columns of the test score, of the interval of its mean, and of the task's further metrics; percentages may be
    ``brief``, with three digits."""

    def column(metric: Metric, key: str) -> Column:
        places = None if brief and metric.unit == "%" else metric.decimals
        return Column(f"Test {units.inside(metric.label)}", key, factor=metric.scale, places=places, spread=True)

    headline, *further = metrics
    half = Column("95 % interval (±)", "score_half", factor=headline.scale, places=headline.decimals)
    return [column(headline, "score"), half, *(column(metric, f"score_{metric.name}") for metric in further)]


def section(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> Section:
    """The :class:`Section` with these columns of the groups ``rows``, still without what is said of them."""
    formatted = [_format(column, rows) for column in columns]
    texts, values = [], []
    for row, *cells in zip(rows, *(cells for _, cells in formatted)):
        target = "–" if row["target"] is None else f"−{100 * row['target']:g} %"
        texts.append((runs.label(row), target, str(row["n"] or "–"), *cells))
        values.append((runs.label(row), row["target"] or 0, row["n"], *(row[c.key] for c in columns)))
    return Section(title, ("Method", "Target", "n", *(head for head, _ in formatted)), tuple(texts), tuple(values))


def sections(groups: Sequence[Row], baselines: Sequence[Row] = (), paper: bool = False) -> list[Section]:
    """The table for people, of what :func:`edgeprune.reporting.runs.group` made, and a table of the IoU per class below
    each part that has one.

    Args:
        groups: of any number of networks, datasets and places.
        baselines: of :func:`edgeprune.reporting.baseline.read`; their rows come first.
        paper: leave out what would not fit on a page.
    """
    result = []
    for (network, dataset, place), rows in pairs.places(groups).items():
        metrics, held = runs.metrics(rows), baseline.of(rows, baselines)
        # A column that no run of the section has a number for (energy without a meter) would only take room.
        shown = {c.key for c in COLUMNS if any(row[c.key] is not None for row in rows)}
        if place:
            shown.add("latency_ms")  # a dash for what was to be measured and was not
        columns = [*scores(metrics, brief=True), *(c for c in COLUMNS if (c.paper or not paper) and c.key in shown)]
        where = f", measured on {place}" if place else ""
        made = section(f"{network} on {dataset}{where}", columns, [*held, *rows])
        said = pairs.summary(pairs.compare(rows, metrics[0]))
        told = (*baseline.notes(held), *notes.sentences(rows), *notes.slow(rows, groups), *notes.unresolved(rows))
        result.append(replace(made, notes=told, compared=said))
        classes = [key for key in rows[0] if key.startswith(_IOU) and not key.endswith("_std")]
        if not paper and any(row[key] is not None for row in rows for key in classes):
            per_class = [Column(key.removeprefix(_IOU), key, factor=100, places=1) for key in classes]
            result.append(section(f"{made.title}: IoU per class (%), means", per_class, [*held, *rows]))
    return result


def markdown(groups: Sequence[Row], baselines: Sequence[Row] = ()) -> str:
    """The sections as GitHub's Markdown tables."""
    return render("results.md", sections=sections(groups, baselines))


def latex(groups: Sequence[Row], baselines: Sequence[Row] = ()) -> str:
    """The sections as ``tabular`` environments; the document needs the packages booktabs and graphicx."""
    return render("results.tex", sections=sections(groups, baselines, paper=True))


def page(groups: Sequence[Row], baselines: Sequence[Row] = ()) -> str:
    """The sections as one HTML page that needs nothing else; a click on a head sorts by it."""
    return render("results.html", sections=sections(groups, baselines), title="Results")


def summary(groups: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """``{"network/dataset/variant": numbers}`` for ``dvc metrics show``, which shows each as a line of a table.

    Measured values stand under ``<device>_<runtime>_``. Digits beyond the sixth are cut.
    """
    result = {}
    for row in groups:
        entry = result.setdefault(f"{row['network']}/{row['dataset']}/{row['variant']}", {})
        for name in (metric.name for metric in tasks.get(row["task"]).metrics):
            key = "test" if name == row["metric"] else f"test_{name}"
            entry[name], entry[f"{name}_std"] = _cut(row[key]), _cut(row[f"{key}_std"])
        for key in ("params", "flops", "memory", "peak_memory", "onnx_bytes", "training_flops"):
            entry[key] = _cut(row[key])
        if row["device"]:
            prefix = "_".join(filter(None, (row["device"], row["runtime"])))
            for key in ("latency_ms", "speedup", "model_rss_bytes", "energy_mj"):
                label = f"{key}_estimated" if key == "energy_mj" and notes.energy([row]) else key
                entry[f"{prefix}_{label}"] = _cut(row[key])
    return result


def _format(column: Column, rows: Sequence[Row]) -> tuple[str, tuple[str, ...]]:
    """``(head, cells)`` of a column, all in one unit."""
    values = [row[column.key] for row in rows]
    divisor, unit = units.scale(values, column.kind)
    head = f"{column.title} ({unit})" if unit and any(v is not None for v in values) else column.title
    if column.key == "energy_mj" and notes.energy(rows):
        head += f", {notes.energy(rows)}"
    factor = column.factor / divisor
    largest = max((abs(v) * factor for v in values if v is not None), default=0)
    cells = []
    for row, value in zip(rows, values):
        mean = None if value is None else value * factor
        std = row.get(f"{column.key}_std") if column.spread else None
        places = column.places
        if places is None:
            places = len(units.digits(mean or 0 if column.each else largest).partition(".")[2])
        text = units.spread(mean, None if std is None else std * factor, places)
        if column.interval and row[f"{column.key}_low"] is not None and row[f"{column.key}_high"] is not None:
            text += f" [{row[f'{column.key}_low']:.2f}, {row[f'{column.key}_high']:.2f}]"
        if column.key == "speedup" and notes.is_unresolved(row):
            text += " ≈"
        cells.append(text)
    return head, tuple(cells)


def _cut(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
