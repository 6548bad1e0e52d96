"""Captions for the report, in reStructuredText, with the numbers of the very files that a figure shows.

``snakemake --report`` renders a caption template when it writes the report; ``.. include::`` in that template takes in
what these functions wrote beside the figure.
"""

from collections.abc import Sequence

from edgeprune.reporting import Row, baseline, notes, pairs, runs, units
from edgeprune.tasks.base import Metric


def results(groups: Sequence[Row], baselines: Sequence[Row] = ()) -> str:
    """Of the results table: how many runs, and the scores of each network and dataset in one line."""
    counts = {}  # a run measured on several devices is one run
    for row in groups:
        key = row["network"], row["dataset"], row["variant"]
        counts[key] = max(row["n"], counts.get(key, 0))
    total = sum(counts.values())
    lines = [f"**Results of {total} run{'s' if total != 1 else ''}.** Click on a column's head to sort by it.", ""]
    for (network, dataset, place), rows in pairs.places(groups).items():
        metric = runs.headline(rows)
        dense = next((row for row in rows if runs.is_dense(row)), None)
        pruned = [row for row in rows if runs.is_main(row)]
        text = f"- {escape(network)} on {escape(dataset)}" + (f", measured on {escape(place)}" if place else "") + ":"
        text += "".join(f" {escape(baseline.words(row, metric))};" for row in baseline.of(rows, baselines))
        if dense:
            text += f" dense {score(dense, metric)}"
        if pruned:
            choose = max if metric.higher_is_better else min
            best = choose(pruned, key=lambda row: row["val"])
            text += f"{';' if dense else ''} best pruned on validation, {escape(best['variant'])}: "
            text += f"{score(best, metric)}, {costs(best, dense)}"
            text += escape(pairs.to_dense(best, pairs.compare(rows, metric), metric))
        lines.append(text.rstrip(";") + ".")
        lines += [f"- {escape(note)}" for note in notes.sentences(rows)]
    return "\n".join(lines) + "\n"


def escape(text: object) -> str:
    """``text`` such that reStructuredText shows it as it is."""
    return "".join(f"\\{c}" if c in "\\*`_|<>[]" else c for c in str(text))


def score(row: Row, metric: Metric) -> str:
    """The test score in words, with its spread over the runs."""
    if row["score"] is None:
        return "score not measured"
    return f"{escape(units.inside(metric.title))} {units.score(row['score'], metric, row['score_std'])}"


def costs(row: Row, dense: Row | None = None) -> str:
    """Parameters and FLOPs with their ratio to the dense network, then the latency and the energy where measured."""
    parts = []
    for key, kind, noun in (("params", "params", " parameters"), ("flops", "flops", "")):
        ratio = f" ({100 * row[key] / dense[key] - 100:+.0f} %)".replace("-", "−") if dense and dense[key] else ""
        parts.append(f"{units.one(row[key], kind)}{noun}{ratio}")
    if row["latency_ms"] is not None:
        speedup = f" ({row['speedup']:.2f} times as fast)" if dense and row["speedup"] else ""
        parts.append(f"{units.one(row['latency_ms'], 'time')}{speedup}")
    if row["energy_mj"] is not None:
        kind = f" ({notes.energy([row])})" if notes.energy([row]) else ""
        parts.append(f"{units.digits(row['energy_mj'])} mJ{kind}")
    return ", ".join(parts)
