"""A page of results that says plainly who is ahead: each plan against its baselines, resource by resource."""

from collections.abc import Iterator, Sequence

from edgeprune.names import COUNTED
from edgeprune.reporting import Row, baseline, difference, notes, pairs, runs, table
from edgeprune.reporting.difference import Difference
from edgeprune.reporting.pairs import Comparison
from edgeprune.reporting.table import Column
from edgeprune.reporting.templates import render
from edgeprune.tasks.base import Metric

COLUMNS = (
    Column("−Params (%)", "reduction_params", factor=100, places=1),
    Column("−FLOPs (%)", "reduction_flops", factor=100, places=1),
    Column("−Feature maps (%)", "reduction_memory", factor=100, places=1),
    Column("Training, all stages", "training_flops", "flops", each=True),
    Column("of dense (%)", "training_of_dense", factor=100, places=0),
    Column("Training time (s)", "training_seconds", places=0, spread=True),
    Column("Latency", "latency_ms", "time", places=2, spread=True),
    Column("Speed-up", "speedup", places=2, spread=True),
)


def sections(rows: Sequence[Row], baselines: Sequence[Row] = ()) -> str:
    """Markdown for every (network, dataset, device): the groups, the comparisons, a line in words, and the costs.

    Args:
        rows: as :func:`edgeprune.reporting.runs.read_csv` gives them.
        baselines: of :func:`edgeprune.reporting.baseline.read`.
    """
    parts = []
    for (network, dataset, place), groups in pairs.places(runs.group(rows)).items():
        metrics = runs.metrics(groups)
        compared = pairs.compare(groups, metrics[0])
        dense = next((group["training_flops"] for group in groups if runs.is_dense(group)), None)
        full = [g | {"training_of_dense": dense and g["training_flops"] / dense} for g in groups]
        held = baseline.of(full, baselines)
        title = f"{network} on {dataset}{f', latency on {place}' if place else ''}"
        made = table.section(title, [*table.scores(metrics), *COLUMNS], [*held, *full])
        heads, cells = _comparisons(compared, metrics[0])
        parts.append(
            {
                "table": made,
                "notes": [*baseline.notes(held), *notes.sentences(groups)],
                "heads": heads,
                "rows": cells,
                "summary": pairs.summary(compared),
                "costs": _costs(compared),
            }
        )
    return render("comparison.md", sections=parts)


def _comparisons(compared: Sequence[Comparison], metric: Metric) -> tuple[tuple[str, ...], Sequence[tuple[str, ...]]]:
    """Heads, and a row for each comparison whose scores are known; the p is corrected over those that were tested."""
    unit, places = metric.difference, metric.decimals
    known = pairs.known(compared)
    tested = sum(found.p is not None for _, found in known)
    head = (
        "Ours", "Against", "Verdict", f"Difference ({unit})" if unit else "Difference", "95 % interval", "n",
        f"p (Holm, {tested})", "Could have shown",
    )  # fmt: skip
    lines = []
    for c, found in known:
        verdict = difference.words(found, places)
        lines.append(
            (
                pairs.title(c.ours),
                runs.label(c.baseline) + _removed(c.ours, c.baseline),
                f"**{verdict}**" if found.verdict == "behind" else verdict,
                difference.signed(found.value, places),
                difference.interval(found, places),
                found.counts,
                difference.probability(found.adjusted),
                _could_have(found, metric, places),
            )
        )
    return head, lines


def _could_have(found: Difference, metric: Metric, places: int) -> str:
    """The smallest difference that could have been shown, where none was."""
    if found.verdict or found.smallest is None:
        return "–"
    largest = 100 if metric.unit == "%" else float("inf")  # points of a percentage that there are
    return "nothing" if found.smallest > largest else f"{found.smallest:.{places}f}"


def _costs(compared: Sequence[Comparison]) -> Iterator[str]:
    """What our single pass costs beside each baseline that has earlier stages."""
    for c in compared:
        if c.baseline.get("earlier_training_flops"):
            ratio = c.ours["training_flops"] / c.baseline["training_flops"]
            cost = f"{100 * abs(1 - ratio):.0f} % {'fewer' if ratio <= 1 else 'more'} FLOPs"
            yield f"{pairs.title(c.ours)}, training over all stages: {cost} than {runs.label(c.baseline)}."


def _removed(ours: Row, baseline: Row) -> str:
    """The reductions, where both were asked for the same and one removed half a point more than the other."""
    resource = COUNTED.get(ours["mode"])
    if baseline["method"] == "dense" or resource is None:
        return ""
    mine, theirs = (100 * g[f"reduction_{resource}"] for g in (ours, baseline))
    return f" (it removes {theirs:.1f} %, ours {mine:.1f} %)" if abs(mine - theirs) >= 0.5 else ""
