"""A page of results that says plainly who is ahead: each plan against its peers at the same target of one resource."""

from edgeprune.complexity.profile import MODES
from edgeprune.reporting import notes, runs, units


def sections(rows):
    """Markdown for every (network, dataset, device): a table, and sentences that compare.

    Args:
        rows: as :func:`edgeprune.reporting.runs.read_csv` gives them.
    """
    parts = []
    groups = runs.group(rows)
    for key in dict.fromkeys((g["network"], g["dataset"], runs.place(g)) for g in groups):
        chosen = [g for g in groups if (g["network"], g["dataset"], runs.place(g)) == key]
        metric = runs.headline(chosen)
        where = f", latency on {key[2]}" if key[2] else ""
        said = [f"{note}\n" for note in notes.sentences(chosen)]
        parts += [f"## {key[0]} on {key[1]}{where}", _table(chosen, metric), *said, *_sentences(chosen, metric), ""]
    return "\n".join(parts)


def _table(groups, metric):
    dense = next((g for g in groups if runs.is_dense(g)), None)
    flops_unit = units.scale([g["training_flops"] for g in groups], "flops")
    time_unit = units.scale([g["latency_p50_ms"] for g in groups], "time")
    head = (
        "Method", "Target", "Seeds", f"Test {metric.label[0].lower()}{metric.label[1:]}",
        "−Params (%)", "−FLOPs (%)", "−Feature maps (%)", f"Training, all stages ({flops_unit[1]})",
        "of dense (%)", "Training time (s)",
        f"Latency p50 ({time_unit[1]})", "Speed-up",
    )  # fmt: skip
    lines = [head, (":--", *["--:"] * (len(head) - 1))]
    for g in groups:
        ratio = 100 * g["training_flops"] / dense["training_flops"] if dense else None
        lines.append(
            (
                runs.label(g),
                "–" if g["target"] is None else f"−{100 * g['target']:g} %",
                str(g["n"]),
                units.spread(_times(g["score"], metric.scale), _times(g["score_std"], metric.scale), 2),
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
    return "\n" + "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _times(value, factor):
    return None if value is None else value * factor


def _sentences(groups, metric):
    """One line for each of our plans: points to dense and to each peer at the same mode and target; then the cost."""
    groups = [g for g in groups if g["score"] is not None]
    dense = next((g for g in groups if runs.is_dense(g)), None)
    lines = []
    for ours in (g for g in groups if runs.is_main(g)):
        peers = [g for g in groups if runs.is_rival(g, ours)]
        said = [_against(ours, peer, metric) for peer in filter(None, [dense, *peers])]
        target = "" if ours["target"] is None else f" at −{100 * ours['target']:g} %"
        if said:
            lines.append(f"- {runs.label(ours)}{target}: " + "; ".join(said) + ".")
        for peer in peers:
            if peer.get("earlier_training_flops"):
                cost = ours["training_flops"] / peer["training_flops"]
                lines.append(f"  - Training cost over all stages: {_change(cost, 'FLOPs')} than {runs.label(peer)}.")
    return lines


def _change(ratio, what):
    """``"60 % fewer FLOPs"`` or ``"5 % more FLOPs"``."""
    return f"{100 * abs(1 - ratio):.0f} % {'fewer' if ratio <= 1 else 'more'} {what}"


def _against(ours, peer, metric):
    points = metric.scale * (ours["score"] - peer["score"]) * (1 if metric.higher_is_better else -1)
    spread = [metric.scale * s for s in (ours["score_std"], peer["score_std"]) if s is not None]
    verdict = "level with" if round(points, 2) == 0 else "ahead of" if points > 0 else "**behind**"
    within = ", less than the seeds' spread" if spread and abs(points) < max(spread) else ""
    amount = f" by {abs(points):.2f} points{within}" if round(points, 2) else ""
    return f"{verdict} {runs.label(peer)}{amount}{_removed(ours, peer)}"


def _removed(ours, peer):
    """The reductions, where both were asked for the same and one removed half a point more than the other."""
    resource = MODES.get(ours["mode"])
    if peer["method"] == "dense" or resource is None:
        return ""
    mine, theirs = (100 * g[f"reduction_{resource}"] for g in (ours, peer))
    return f" (it removes {theirs:.1f} %, ours {mine:.1f} %)" if abs(mine - theirs) >= 0.5 else ""
