"""Captions of the figures that show trained runs, with their numbers; see :mod:`edgeprune.reporting.captions`."""

from edgeprune.names import BASELINES
from edgeprune.reporting import engines, macs_latency, notes, pairs, runs, units
from edgeprune.reporting.captions import costs, escape, score
from edgeprune.reporting.columns import STAGES

MEASURES = {
    "training_flops": ("flops", "compute"),
    "training_seconds": ("seconds", "time"),
    "training_joules": ("", "energy"),
}


def tradeoff(groups):
    """Of accuracy against resources, for one network and dataset: dense, then the best pruned run of each mode.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown.
    """
    metric = runs.headline(groups)
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    seeds = sorted({row["n"] for row in groups})
    count = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    places = list(dict.fromkeys(runs.place(row) for row in groups if row["device"]))
    lines = [
        f"**{escape(metric.label)} on the test split of {escape(dataset)} against what {escape(network)} costs.** "
        f"Large markers are means over {count} seed{'s' if seeds != [1] else ''}, bars one sample standard deviation, "
        "small markers single runs; lines join the targets of a method and mode. The grey line is the Pareto front of "
        "the means: no other shown costs less and is better, which is not to say that it has been told apart. First "
        "row: what can be counted; then a row for each device and runtime. Of a quantised model, the score is its own."
    ]
    kind = notes.energy(groups)
    if kind:
        lines[0] += f" The energy is **{kind}**, not read from a sensor: CPU time and a stated power."
    lines.append("")
    for place in places or [None]:
        here = [row for row in groups if runs.place(row) == place] if place else groups
        compared = pairs.compare(here, metric)
        if len(places) > 1:  # the baselines at every place would fill a page
            here = [row for row in here if runs.is_dense(row) or runs.is_main(row)]
        lines += _best_of(here, metric, f"{escape(place)}, " if len(places) > 1 else "", compared)
    lines += [f"- {escape(note)}" for note in notes.sentences(groups)]
    return "\n".join(lines) + "\n"


def _best_of(groups, metric, prefix, compared):
    """Dense, then of each method and mode the target that is best on validation; of ours also how it compares with
    dense, among all comparisons of the place."""
    lines, best = [], {}
    dense = next((row for row in groups if runs.is_dense(row)), None)
    if dense:
        lines.append(f"- {prefix}dense: {score(dense, metric)}, {costs(dense)}.")
    sign = 1 if metric.higher_is_better else -1
    for row in groups:
        name = runs.label(row)
        if not runs.is_dense(row) and (name not in best or sign * row["val"] > sign * best[name]["val"]):
            best[name] = row
    for name, row in best.items():
        target = "" if row["target"] is None else f" at a target of −{100 * row['target']:g} %"
        told = escape(pairs.to_dense(row, compared, metric))
        lines.append(
            f"- {prefix}{escape(name)}, best on validation{target}: {score(row, metric)}, {costs(row, dense)}{told}."
        )
    return lines


def cost(groups):
    """Of accuracy against the whole cost of training: dense, then the single pass beside the baselines of three stages.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown, each run once.
    """
    metric = runs.headline(groups)
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    lines = [
        f"**What training {escape(network)} on {escape(dataset)} costs: a single pass beside three stages.** First: "
        f"{escape(metric.label[0].lower() + metric.label[1:])} on the test split against training FLOPs (estimated as "
        "three times the forward pass, times the images); markers as in the figure of the trade-off. Then bars, stage "
        "by stage: filled is the training of the network that is shown (fine-tuning included), hatched the dense "
        "training that its weights come from, crossed the pruning between them; beside each bar its ratio to the dense "
        "training."
    ]
    if all(row["training_joules"] is None for row in groups):
        lines[0] += " No joules are shown: no energy counter could be read while training."
    if all(row["training_seconds"] is None for row in groups):
        lines[0] += " No seconds are on record."
    lines.append("")
    dense = next((row for row in groups if runs.is_dense(row)), None)
    if dense:
        lines.append(f"- dense: {score(dense, metric)}, {units.one(dense['training_flops'], 'flops')} of training.")
    compared = [c for here in pairs.places(groups).values() for c in pairs.compare(here, metric)]
    for c in compared:
        row = c.baseline
        if row["method"] not in BASELINES:
            continue
        stages = (
            f"{100 * row[f'stage_{stage}_training_flops'] / row['training_flops']:.0f} % {noun}"
            for stage, noun in zip(STAGES, ("dense training", "pruning", "fine-tuning"))
            if row[f"stage_{stage}_training_flops"]
        )
        told = f"; {escape(pairs.against(c, metric))}" if c.found else ""
        lines.append(
            f"- {escape(pairs.title(c.ours))}: single pass {score(c.ours, metric)} for "
            f"{units.one(c.ours['training_flops'], 'flops')}; {escape(runs.label(row))} {score(row, metric)} for "
            f"{units.one(row['training_flops'], 'flops')} ({', '.join(stages)}): the single pass costs "
            f"{_saved(c.ours, row)}{told}."
        )
    if engines.note(groups):
        lines.append(f"- {escape(engines.note(groups))}")
    return "\n".join(lines) + "\n"


def _saved(ours, baseline):
    """``60 % less compute, 55 % less time`` of what both have."""
    parts = []
    for key, (_, noun) in MEASURES.items():
        if ours[key] and baseline[key]:
            less = 100 * (1 - ours[key] / baseline[key])
            parts.append(f"{abs(less):.0f} % {'less' if less >= 0 else 'more'} {noun}")
    return ", ".join(parts)


def speed(groups):
    """Of MACs against the measured latency: whether fewer MACs are faster, place by place.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown.
    """
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    lines = [
        f"**Do MACs predict the time of {escape(network)} on {escape(dataset)}?** Multiply-accumulates for one sample "
        "against the median latency, a panel for each device and runtime; markers are means over the seeds, bars one "
        "sample standard deviation. The dashed line is what proportion would give: the dense network's latency times "
        "the share of its MACs that is left. Above the line, a network is slower than its MACs promise.",
        "",
    ]
    places = dict.fromkeys(runs.place(row) for row in groups if row["device"])
    for place in places:
        here = [row for row in groups if runs.place(row) == place and row["latency_p50_ms"] is not None]
        if not here:
            continue
        found = macs_latency.of(here)
        text = f"- {escape(place)}:"
        if found.dense:
            time = units.one(found.dense["latency_p50_ms"], "time")
            text += f" dense {units.one(found.dense['macs'], 'macs')} in {time};"
        if found.ratios:
            span = f"{found.low:.2f} to {found.high:.2f} times (median {found.median:.2f})"
            text += f" the others take {span} what proportion would give;"
        if found.rank is not None:
            text += f" rank correlation of MACs and latency {found.rank:.2f};"
        lines.append(text.rstrip(";:") + ".")
    lines += [f"- {escape(note)}" for note in notes.missing(groups) if not note.startswith("Energy")]
    if not places:
        lines.append("- No device was measured.")
    return "\n".join(lines) + "\n"
