"""Captions for the report, in reStructuredText, with the numbers of the very files that a figure shows.

``snakemake --report`` renders a caption template when it writes the report; ``.. include::`` in that template takes in
what these functions wrote beside the figure.
"""

from edgeprune.complexity.profile import MODES
from edgeprune.peers.methods import PEERS
from edgeprune.reporting import engines, runs, units

NAMES = {"params": "parameters", "flops": "FLOPs", "memory": "feature-map memory"}


def layer_complexity(network, rows, totals):
    """Of the bubble chart: totals, and the layer that weighs most in each of the three resources.

    Args:
        rows: :meth:`edgeprune.complexity.profile.Profile.layer_table`.
        totals: the network's totals.
    """
    lines = [
        f"**Each layer's complexity in {escape(network)}.** One circle for each of the {len(rows)} convolutional and "
        "linear layers (equal ones share a circle; *+2* counts the others): compute across, memory of the output "
        "feature map upwards, parameters as the circle's area, all for one input sample. "
        f"The network holds {units.one(totals['params'], 'params')} parameters, and needs "
        f"{units.one(totals['macs'], 'macs')} ({units.one(totals['flops'], 'flops')}) and "
        f"{units.one(totals['memory'], 'bytes')} of feature maps; the peak memory, weights included, is "
        f"{units.one(totals['peak_memory'], 'bytes')}.",
        "",
    ]
    for mode, resource in MODES.items():
        largest = max(rows, key=lambda row: row[resource])
        share = 100 * largest[f"share_{mode}"]
        lines.append(f"- {mode}: {escape(largest['layer'])} weighs most in {NAMES[resource]}, with {share:.1f} %.")
    return "\n".join(lines) + "\n"


def tradeoff(groups):
    """Of accuracy against resources, for one network and dataset: dense, then the best pruned run of each mode.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown.
    """
    metric = runs.headline(groups)
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    seeds = sorted({row["n"] for row in groups})
    count = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    lines = [
        f"**{escape(metric.label)} on the test split of {escape(dataset)} against what {escape(network)} costs.** "
        f"Large markers are means over {count} seed{'s' if seeds != [1] else ''}, bars one sample standard deviation, "
        "small markers single runs; lines join the targets of a method and mode. The grey line is the Pareto front of "
        "the means: no other shown costs less and is better.",
        "",
    ]
    dense = next((row for row in groups if row["method"] == "dense"), None)
    if dense:
        lines.append(f"- dense: {_score(dense, metric)}, {_costs(dense)}.")
    best = {}
    for row in groups:
        if row["method"] == "dense":
            continue
        name = runs.label(row)
        sign = 1 if metric.higher_is_better else -1
        if name not in best or sign * row["val"] > sign * best[name]["val"]:
            best[name] = row
    for name, row in best.items():
        target = "" if row["target"] is None else f" at a target of −{100 * row['target']:g} %"
        lines.append(f"- {escape(name)}, best on validation{target}: {_score(row, metric)}, {_costs(row, dense)}.")
    lines += _mixed(groups)
    return "\n".join(lines) + "\n"


def cost(groups):
    """Of accuracy against the whole cost of training: dense, then the single pass beside the peers of three stages.

    Args:
        groups: what :func:`edgeprune.reporting.runs.group` made of the runs shown, each run once.
    """
    metric = runs.headline(groups)
    network, dataset = groups[0]["network"], groups[0]["dataset"]
    lines = [
        f"**What training {escape(network)} on {escape(dataset)} costs, all stages taken together.** Left: "
        f"{escape(metric.label[0].lower() + metric.label[1:])} on the test split against estimated training FLOPs; "
        "markers as in the figure of the trade-off. Right: the same cost by variant, hatched what went before the last "
        "stage (the dense training that pruned weights come from), and its ratio to the dense training.",
        "",
    ]
    dense = next((row for row in groups if row["method"] == "dense"), None)
    if dense:
        lines.append(f"- dense: {_score(dense, metric)}, {units.one(dense['training_flops'], 'flops')} of training.")
    single = {(row["mode"], row["target"]): row for row in groups if row["method"] == "complexity"}
    for row in groups:
        ours = single.get((row["mode"], row["target"]))
        if row["method"] not in PEERS or ours is None:
            continue
        less = 100 * (1 - ours["training_flops"] / row["training_flops"])
        times = ""
        if ours["training_seconds"] and row["training_seconds"]:
            saved = 100 * (1 - ours["training_seconds"] / row["training_seconds"])
            times = f", {abs(saved):.0f} % {'less' if saved >= 0 else 'more'} time"
        lines.append(
            f"- {row['mode']} at −{100 * row['target']:g} %: single pass {_score(ours, metric)} for "
            f"{units.one(ours['training_flops'], 'flops')}; {escape(runs.label(row))} {_score(row, metric)} for "
            f"{units.one(row['training_flops'], 'flops')}: the single pass costs {abs(less):.0f} % "
            f"{'less' if less >= 0 else 'more'} compute{times}."
        )
    lines += _mixed(groups)
    return "\n".join(lines) + "\n"


def widths(network, dataset, rows):
    """Of the widths by layer: per mode, the layer that was thinned most.

    Args:
        rows: what :func:`edgeprune.plotting.widths.read` made: one for each plan and layer.
    """
    rows = [row for row in rows if row["method"] != "dense"]
    plans = {(row["variant"], row["seed"]) for row in rows}
    lines = [
        f"**Filters that the plans keep in each layer of {escape(network)} on {escape(dataset)}.** Grey bars are "
        f"the dense network, markers the mean over the seeds of the {len(plans)} plans, whiskers one "
        "sample standard deviation.",
        "",
    ]
    kept = {}
    for row in rows:
        per_layer = kept.setdefault((row["series"], row["target"]), {})
        per_layer.setdefault(row["layer"], []).append(row["kept"] / row["dense"])
    for (series, target), layers in kept.items():
        means = {layer: sum(values) / len(values) for layer, values in layers.items()}
        thinnest = min(means, key=means.get)
        share = "" if target is None else f" at −{100 * target:g} %"
        lines.append(f"- {escape(series)}{share}: {escape(thinnest)} keeps least, {100 * means[thinnest]:.0f} %.")
    return "\n".join(lines) + "\n"


def results(groups):
    """Of the results table: how many runs, and the accuracies of each network and dataset in one line."""
    seeds = {}  # a run measured on several devices is one run
    for row in groups:
        key = row["network"], row["dataset"], row["variant"]
        seeds[key] = max(row["n"], seeds.get(key, 0))
    total = sum(seeds.values())
    lines = [f"**Results of {total} run{'s' if total != 1 else ''}.** Click on a column's head to sort by it.", ""]
    parts = {}
    for row in groups:
        parts.setdefault((row["network"], row["dataset"], row["device"]), []).append(row)
    for (network, dataset, device), rows in parts.items():
        metric = runs.headline(rows)
        dense = next((row for row in rows if row["method"] == "dense"), None)
        pruned = [row for row in rows if row["method"] == "complexity"]
        text = f"- {escape(network)} on {escape(dataset)}" + (f", measured on {escape(device)}" if device else "") + ":"
        if dense:
            text += f" dense {_score(dense, metric)}"
        if pruned:
            choose = max if metric.higher_is_better else min
            best = choose(pruned, key=lambda row: row["val"])
            text += f"{';' if dense else ''} best pruned on validation, {escape(best['variant'])}: "
            text += f"{_score(best, metric)}, {_costs(best, dense)}"
        lines.append(text + "." + "".join(f" {line}" for line in _mixed(rows)[1:]))
    return "\n".join(lines) + "\n"


def escape(text):
    """``text`` such that reStructuredText shows it as it is."""
    return "".join(f"\\{c}" if c in "\\*`_|<>[]" else c for c in str(text))


def _mixed(groups):
    """A paragraph of its own if the runs shown were trained by several engines; no lines otherwise."""
    note = engines.note(groups)
    return ["", escape(note)] if note else []


def _score(row, metric):
    mean, std = row["test"] * metric.scale, row["test_std"]
    places = 2 if metric.scale == 100 else len(units.digits(mean, 4).partition(".")[2])
    name = metric.label.partition(" (")[0].lower()
    unit = " %" if metric.scale == 100 else ""
    return f"{name} {units.spread(mean, None if std is None else std * metric.scale, places)}{unit}"


def _costs(row, dense=None):
    """Parameters and FLOPs, then the median latency where it was measured; each with its ratio to the dense network."""
    parts = []
    for key, kind, noun in (("params", "params", " parameters"), ("flops", "flops", "")):
        ratio = f" ({100 * row[key] / dense[key] - 100:+.0f} %)".replace("-", "−") if dense and dense[key] else ""
        parts.append(f"{units.one(row[key], kind)}{noun}{ratio}")
    if row["latency_p50_ms"] is not None:
        speedup = f" ({row['speedup']:.2f} times as fast)" if dense and row["speedup"] else ""
        parts.append(f"{units.one(row['latency_p50_ms'], 'time')}{speedup}")
    return ", ".join(parts)
