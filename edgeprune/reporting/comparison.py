"""A page of results that says plainly who is ahead: each plan against its baselines, resource by resource."""

from edgeprune.names import COUNTED
from edgeprune.reporting import difference, notes, pairs, runs, units


def sections(rows):
    """Markdown for every (network, dataset, device): the groups, the comparisons, a line in words, and the costs.

    Args:
        rows: as :func:`edgeprune.reporting.runs.read_csv` gives them.
    """
    parts = []
    for (network, dataset, place), groups in pairs.places(runs.group(rows)).items():
        metric = runs.headline(groups)
        where = f", latency on {place}" if place else ""
        said = [f"{note}\n" for note in notes.sentences(groups)]
        compared = pairs.compare(groups, metric)
        parts += [f"## {network} on {dataset}{where}\n", _groups(groups, metric), *said]
        if any(c.found for c in compared):
            parts += [_comparisons(compared, metric), f"{pairs.summary(compared)}\n"]
        parts += [*_costs(compared), ""]
    return "\n".join(parts)


def _groups(groups, metric):
    dense = next((g for g in groups if runs.is_dense(g)), None)
    flops_unit = units.scale([g["training_flops"] for g in groups], "flops")
    time_unit = units.scale([g["latency_p50_ms"] for g in groups], "time")
    head = (
        "Method", "Target", "n", f"Test {metric.label[0].lower()}{metric.label[1:]}", "95 % interval (±)",
        "−Params (%)", "−FLOPs (%)", "−Feature maps (%)", f"Training, all stages ({flops_unit[1]})",
        "of dense (%)", "Training time (s)",
        f"Latency p50 ({time_unit[1]})", "Speed-up",
    )  # fmt: skip
    lines = []
    for g in groups:
        ratio = 100 * g["training_flops"] / dense["training_flops"] if dense else None
        lines.append(
            (
                runs.label(g),
                "–" if g["target"] is None else f"−{100 * g['target']:g} %",
                str(g["n"]),
                units.spread(_times(g["score"], metric.scale), _times(g["score_std"], metric.scale), 2),
                units.spread(_times(g["score_half"], metric.scale), None, 2),
                *(f"{100 * g[f'reduction_{r}']:.1f}" for r in ("params", "flops", "memory")),
                units.digits(g["training_flops"] / flops_unit[0]),
                "–" if ratio is None else f"{ratio:.0f}",
                units.spread(g.get("training_seconds"), g.get("training_seconds_std"), 0),
                units.spread(
                    _times(g["latency_p50_ms"], 1 / time_unit[0]), _times(g["latency_p50_ms_std"], 1 / time_unit[0]), 2
                ),
                units.spread(g["speedup"], g["speedup_std"], 2),
            )
        )
    return _markdown(head, lines, left=1)


def _comparisons(compared, metric):
    """A row for each comparison whose scores are known; the p is corrected over those that could be tested."""
    unit, places = pairs.unit(metric)
    known = [c for c in compared if c.found]
    tested = sum(c.found.p is not None for c in known)
    head = (
        "Ours", "Against", "Verdict", f"Difference ({unit})" if unit else "Difference", "95 % interval", "n",
        f"p (Holm, {tested})", "Could have shown",
    )  # fmt: skip
    lines = []
    for c in known:
        verdict = difference.words(c.found, places)
        lines.append(
            (
                pairs.title(c.ours),
                runs.label(c.baseline) + _removed(c.ours, c.baseline),
                f"**{verdict}**" if c.found.verdict == "behind" else verdict,
                difference.signed(c.found.value, places),
                difference.interval(c.found, places),
                c.found.counts,
                difference.probability(c.found.adjusted),
                _could_have(c.found, metric, places),
            )
        )
    return _markdown(head, lines, left=3)


def _could_have(found, metric, places):
    """The smallest difference that could have been shown, where none was."""
    if found.verdict or found.smallest is None:
        return "–"
    largest = 100 if metric.scale == 100 else float("inf")  # points of a percentage that there are
    return "nothing" if found.smallest > largest else f"{found.smallest:.{places}f}"


def _costs(compared):
    """What our single pass costs beside each baseline that has earlier stages."""
    lines = []
    for c in compared:
        if c.baseline.get("earlier_training_flops"):
            cost = _change(c.ours["training_flops"] / c.baseline["training_flops"], "FLOPs")
            lines.append(f"- {pairs.title(c.ours)}, training over all stages: {cost} than {runs.label(c.baseline)}.")
    return lines


def _markdown(head, lines, left):
    """A table whose first ``left`` columns are text and whose others are numbers."""
    align = [":--"] * left + ["--:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, align, *lines)) + "\n"


def _times(value, factor):
    return None if value is None else value * factor


def _change(ratio, what):
    """``"60 % fewer FLOPs"`` or ``"5 % more FLOPs"``."""
    return f"{100 * abs(1 - ratio):.0f} % {'fewer' if ratio <= 1 else 'more'} {what}"


def _removed(ours, baseline):
    """The reductions, where both were asked for the same and one removed half a point more than the other."""
    resource = COUNTED.get(ours["mode"])
    if baseline["method"] == "dense" or resource is None:
        return ""
    mine, theirs = (100 * g[f"reduction_{resource}"] for g in (ours, baseline))
    return f" (it removes {theirs:.1f} %, ours {mine:.1f} %)" if abs(mine - theirs) >= 0.5 else ""
