"""The results table: tidy CSV of the runs and of the groups, and Markdown, LaTeX and HTML for people.

A table for people has a section for each network, dataset and place (device and runtime), and every column one unit.
"""

import csv
import html
import io
from dataclasses import dataclass

from edgeprune.reporting import notes, pairs, runs, units


@dataclass(frozen=True)
class Column:
    """A number of the grouped rows as people see it: title, value's key, kind of unit, decimals (None: 3 digits)."""

    title: str
    key: str
    kind: str = ""
    factor: float = 1.0
    places: int | None = None
    spread: bool = False
    paper: bool = True  # whether the LaTeX table has it too, which must fit on a page


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
    Column("Latency p50", "latency_p50_ms", "time", spread=True),
    Column("Speed-up", "speedup", places=2, spread=True),
    Column("CPU (% of a core)", "cpu_percent", places=0, paper=False),
    Column("Peak RSS", "peak_rss_bytes", "bytes"),
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
    heads: tuple
    rows: tuple
    values: tuple
    notes: tuple
    compared: str = ""

    @property
    def said(self):
        """All sentences that belong to the table."""
        return tuple(filter(None, (self.compared, *self.notes)))


def to_csv(rows):
    """``rows`` as CSV text, the columns of the first row in their order; None is empty."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def sections(groups, paper=False):
    """The table for people, of what :func:`edgeprune.reporting.runs.group` made; ``paper`` leaves some columns out."""
    result = []
    for (network, dataset, place), rows in pairs.places(groups).items():
        metric = runs.headline(rows)
        scores = [
            Column("Test " + metric.label[0].lower() + metric.label[1:], "score", "", metric.scale, None, True),
            Column("95 % interval (±)", "score_half", "", metric.scale, pairs.unit(metric)[1]),
        ]
        # A column that no run of the section has a number for (energy without a meter) would only take room.
        shown = {c.key for c in COLUMNS if any(row[c.key] is not None for row in rows)}
        if place:
            shown.add("latency_p50_ms")  # a dash for what was to be measured and was not
        columns = scores + [c for c in COLUMNS if (c.paper or not paper) and c.key in shown]
        formatted = [_format(column, rows) for column in columns]
        heads = ("Method", "Target", "n", *(head for head, _ in formatted))
        body, values = [], []
        for index, row in enumerate(rows):
            target = "–" if row["target"] is None else f"−{100 * row['target']:g} %"
            body.append((runs.label(row), target, str(row["n"]), *(cells[index] for _, cells in formatted)))
            numbers = (row[c.key] for c in columns)
            values.append((runs.label(row), row["target"] or 0, row["n"], *numbers))
        where = f", measured on {place}" if place else ""
        said = tuple(notes.sentences(rows)), pairs.summary(pairs.compare(rows, metric))
        result.append(Section(f"{network} on {dataset}{where}", heads, tuple(body), tuple(values), *said))
    return result


def markdown(groups):
    """The sections as GitHub's Markdown tables."""
    parts = []
    for section in sections(groups):
        align = "|".join([":--", *["--:"] * (len(section.heads) - 1)])
        lines = [f"## {section.title}", "", _pipes(section.heads), f"|{align}|", *(_pipes(row) for row in section.rows)]
        parts.append("\n".join(lines + [f"\n{note}" for note in section.said]))
    return "\n\n".join([*parts, NOTE]) + "\n"


def latex(groups):
    """The sections as ``tabular`` environments; the document needs the packages booktabs and graphicx."""
    parts = ["% needs \\usepackage{booktabs,graphicx}"]
    for section in sections(groups, paper=True):
        lines = [
            f"% {section.title}",
            f"\\resizebox{{\\linewidth}}{{!}}{{\\begin{{tabular}}{{l{'r' * (len(section.heads) - 1)}}}",
            "\\toprule",
            _ampersands(section.heads),
            "\\midrule",
            *(_ampersands(row) for row in section.rows),
            "\\bottomrule",
            "\\end{tabular}}",
            *(f"\\par{{\\footnotesize {_tex(note)}}}" for note in section.said),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def page(groups, title="Results"):
    """The sections as one HTML page that needs nothing else; a click on a head sorts by it."""
    parts = []
    for section in sections(groups):
        head = "".join(f'<th><button type="button">{html.escape(text)}</button></th>' for text in section.heads)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td data-value="{html.escape(str("" if v is None else v))}">{html.escape(text)}</td>'
                for text, v in zip(texts, values)
            )
            + "</tr>\n"
            for texts, values in zip(section.rows, section.values)
        )
        parts.append(
            f"<h2>{html.escape(section.title)}</h2>\n<div><table>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>\n{body}</tbody></table></div>\n"
            + "".join(f"<p>{html.escape(note)}</p>\n" for note in section.said)
        )
    return PAGE.replace("{title}", html.escape(title)).replace("{body}", "\n".join([*parts, f"<p>{NOTE}</p>"]))


def summary(groups):
    """``{"network/dataset/variant": numbers}`` for ``dvc metrics show``, which shows each as a line of a table.

    Measured values stand under ``<device>_<runtime>_``. Digits beyond the sixth are cut.
    """
    result = {}
    for row in groups:
        entry = result.setdefault(f"{row['network']}/{row['dataset']}/{row['variant']}", {})
        entry[row["metric"]] = _cut(row["test"])
        entry[f"{row['metric']}_std"] = _cut(row["test_std"])
        for key in ("params", "flops", "memory", "peak_memory", "onnx_bytes", "training_flops"):
            entry[key] = _cut(row[key])
        if row["device"]:
            prefix = "_".join(filter(None, (row["device"], row["runtime"])))
            for key in ("latency_p50_ms", "speedup", "peak_rss_bytes", "energy_mj"):
                label = f"{key}_estimated" if key == "energy_mj" and notes.energy([row]) else key
                entry[f"{prefix}_{label}"] = _cut(row[key])
    return result


NOTE = (
    "Means over n runs (a run is one plan with one training), with the sample standard deviation after ± where there "
    "are two or more; beside it half the 95 % interval of the mean score (Student's t). Whether two such intervals "
    "overlap does not tell whether two methods differ: ahead and behind are said where the 95 % interval of the "
    "unpaired difference (Welch) excludes 0, also after Holm's correction over the comparisons of a table. "
    "1 MAC is a multiplication with an addition; 1 FLOP is either of them. "
    "Feature maps: the sum of all layers' outputs; "
    "peak memory: the weights and the largest set of feature maps alive at one time (both for one sample). "
    "Speed-up: ratio of the dense network's median latency (fp32) to the model's, measured in turns; in brackets "
    "its 95 % interval, both ends averaged over the seeds. "
    "Of a quantised model, the test score and the file are its own. "
    "Energy: per inference, what the idle device draws taken off; the head says where it is an estimate. "
    "Epochs and training count all stages, the dense network's training included where a method starts from it; "
    "FLOPs of training are estimated. A minus before a resource is its reduction."
)


def _format(column, rows):
    """``(head, cells)`` of a column, all in one unit."""
    values = [row[column.key] for row in rows]
    divisor, unit = units.scale(values, column.kind)
    head = f"{column.title} ({unit})" if unit and any(v is not None for v in values) else column.title
    if column.key == "energy_mj" and notes.energy(rows):
        head += f", {notes.energy(rows)}"
    factor = column.factor / divisor
    places = column.places
    if places is None:
        largest = max((abs(v) * factor for v in values if v is not None), default=0)
        places = len(units.digits(largest).partition(".")[2])
    cells = []
    for row, value in zip(rows, values):
        std = row[f"{column.key}_std"] if column.spread else None
        mean = None if value is None else value * factor
        cells.append(units.spread(mean, None if std is None else std * factor, places) + _interval(column, row))
    return head, cells


def _interval(column, row):
    if column.key != "speedup" or row["speedup_low"] is None or row["speedup_high"] is None:
        return ""
    return f" [{row['speedup_low']:.2f}, {row['speedup_high']:.2f}]"


def _pipes(cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ampersands(cells):
    return " & ".join(_tex(cell) for cell in cells) + " \\\\"


def _tex(text):
    special = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
    signs = {"±": "$\\pm$", "−": "$-$", "–": "--", "µ": "$\\mu$", "<": "$<$", ">": "$>$"}
    return "".join(special.get(c) or signs.get(c) or (f"\\{c}" if c in "&%$#_{}" else c) for c in text)


def _cut(value):
    return float(f"{value:.6g}") if isinstance(value, float) else value


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #444; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid #0072b2; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
tbody tr:hover { background: #f3f6fa; }
p { max-width: 60rem; color: #555; }
</style></head><body>
<h1>{title}</h1>
{body}
<script>
document.querySelectorAll("th button").forEach(button => button.addEventListener("click", () => {
  const head = button.parentElement, table = head.closest("table"), body = table.tBodies[0];
  const column = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending";
  table.querySelectorAll("th").forEach(th => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const value = row => row.cells[column].dataset.value;
  const rows = [...body.rows].sort((a, b) => {
    const x = value(a), y = value(b);
    if (x === "" || y === "") return (x === "") - (y === "");
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return up ? order : -order;
  });
  body.append(...rows);
}));
</script>
</body></html>
"""
