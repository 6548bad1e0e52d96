"""docs/support.md from the rows of benchmarks/support.py."""

import statistics
from collections import Counter

MODES, TARGET = {"PA": "params", "FA": "macs", "MA": "memory"}, 0.5
#: Share of the channels that Torch-Pruning is asked to remove: half of the MACs, where inputs and outputs both shrink.
RATIO = 1 - TARGET**0.5
TOLERANCE = 1e-9  # of a kept network's largest output
TITLES = {
    "torchvision": ("torchvision", "All CNN classifiers of `list_models()`, and the segmentation heads."),
    "timm": ("timm", "One network of each family."),
    "smp": ("segmentation_models_pytorch", "Every decoder on ResNet-18, and U-Net on other encoders."),
    "detector": ("Detectors", "Of the YOLO kind, written down in `benchmarks/yolo.py`."),
    "own": ("Restoration, segmentation, detection", "Shipped in `edgeprune/networks/`."),
    "architecture": ("Other architectures", "Written down in `tests/helpers/architectures.py`."),
    "structure": ("Structures", "Small networks of `tests/helpers/zoo.py`, one for each way of coupling channels."),
}
HEAD = (
    "network", "input", "smallest", "params", "MACs", "PA: left, %", "FA: left, %", "MA: left, %", "time", "exact",
    "to 8", "kept", "Torch-Pruning", "its time",
)  # fmt: skip


def document(rows, note=""):
    """The page; ``rows``: of all checks, in the order of the networks; ``note``: how they were made."""
    own, kept, peer = ({r["name"]: r for r in rows if r["check"] == c} for c in ("edgeprune", "keep", "torch-pruning"))
    count, other = Counter(r["verdict"] for r in own.values()), Counter(r["verdict"] for r in peer.values())
    keeping = Counter(r["verdict"] for r in kept.values())
    rounded = sum(bool(r.get("rounded")) for r in own.values() if r["kind"] != "structure")
    lines = [
        "# Supported networks",
        "",
        f"{count['exact']} of {len(own)} networks are profiled, sampled and pruned to {TARGET:.0%} in PA, FA and MA, "
        f"exactly; {told(count, 'exact')}. Of the same networks Torch-Pruning handles {other['handled']} of "
        f"{len(peer)}; {told(other, 'handled')}.",
        "",
        "| | networks | time: median | 95th percentile | most |",
        "|---|---|---|---|---|",
        times("`edgeprune.profile`", own.values()),
        times("Torch-Pruning, one step", peer.values()),
        "",
        "**Exact** means: the predicted parameters equal the network's, and the predicted MACs equal half of what "
        "`torch.utils.flop_counter` counts, dense and after each of the three prunings; the pruned network runs in "
        "training and evaluation mode, its outputs' shapes are unchanged, the target is met. This is checked at the "
        "input shown, the first of 64, 96, 128 ... pixels that the network takes (or the only one), and again at the "
        "smallest square input that its forward pass takes in both modes, where a side is given. Default settings "
        "(`min_channels` 0.1), seed 0, batch 1. *Left* is what remains of parameters / MACs / memory, in percent, the "
        "mode's own in bold.",
        "",
        f"**To 8**: the same with `round_to` 8; {rounded} networks beside the small structures cannot reach one of the "
        "targets on that grid: with every layer at the least multiple that its groups allow, more than half remains, "
        "and the refusal says how much.",
        "",
        "**Kept**: in double precision, with random weights and statistics, the network is pruned with "
        '`weights="keep"` to 0.7 of its widths; its output is that of the dense network whose removed units have zero '
        f"weights, to {TOLERANCE:.0e} of the largest (layer and group norms divide by the largest magnitude, since the "
        f"zeros change their statistics). {keeping['exact']} of {len(kept)} exact; {told(keeping, 'exact')}.",
        "",
        f"**Torch-Pruning**: `BasePruner` with `GroupMagnitudeImportance`, `pruning_ratio` {RATIO:.2f} (half of the "
        "MACs where inputs and outputs both shrink), one step, output layers ignored, `num_heads` of attention given. "
        "*Handled*: it runs in both modes with outputs of unchanged shapes and has fewer MACs; the figure is what is "
        "left of them, in percent. It steers by channels, not by a budget: whether a target can be met, "
        "`benchmarks/planning.py` compares.",
        "",
        "*Time* is CPU time in seconds, one thread, imports not counted: of `edgeprune.profile`, without weights; of "
        "Torch-Pruning's constructor and step, with them.",
        "",
        f"Made by `python benchmarks/support.py`, {', '.join(sorted({r['made'] for r in rows}))}: {versions(rows)}.",
        *(["", note] if note else []),
    ]
    for kind, (title, text) in TITLES.items():
        chosen = [r for r in own.values() if r["kind"] == kind]
        if chosen:
            lines += ["", f"## {title}", "", text, "", f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
            lines += [cells(r, kept.get(r["name"]), peer.get(r["name"])) for r in chosen]
    parts = {
        "Remarks": ("What stays as it is beside the outputs, and what was refused.", map(remark, own.values())),
        "Kept weights": ("Where they are refused, or differ.", map(reason, kept.values())),
        "Torch-Pruning": ("What it refuses, and what is wrong after it.", map(reason, peer.values())),
    }
    for title, (text, remarks) in parts.items():
        if remarks := [r for r in remarks if r]:
            lines += ["", f"## {title}", "", text, "", *remarks]
    return "\n".join(lines) + "\n"


def told(count, good):
    return ", ".join(f"{n} {verdict}" for verdict, n in sorted(count.items()) if verdict != good) or "none otherwise"


def times(what, rows):
    cpu = sorted(r["cpu"] for r in rows if "cpu" in r)
    if not cpu:
        return f"| {what} | 0 | | | |"
    at = cpu[round(0.95 * (len(cpu) - 1))]
    return f"| {what} | {len(cpu)} | {statistics.median(cpu):.2f} s | {at:.2f} s | {cpu[-1]:.2f} s |"


def versions(rows):
    found = {}
    for r in rows:
        for package, version in r["versions"].items():
            found.setdefault(package, set()).add(version)
    return ", ".join(f"{package} {' and '.join(sorted(vs))}" for package, vs in found.items())


def cells(r, kept, peer):
    totals = r.get("totals")
    dense = [f"{totals[k]:,}" for k in ("params", "macs")] if totals else ["", ""]
    left = []
    for mode, own in MODES.items():
        parts = [
            f"{100 * v:.1f}" if k != own else f"**{100 * v:.1f}**" for k, v in r.get("left", {}).get(mode, {}).items()
        ]
        left.append(" / ".join(parts))
    grid = (
        ""
        if "left" not in r or r["verdict"] != "exact"
        else f"not {', '.join(r['rounded'])}"
        if r["rounded"]
        else "yes"
    )
    told = [seconds(r), "yes" if r["verdict"] == "exact" else f"{r['verdict']}, see below", grid, verdict(kept)]
    last = [f"{100 * peer['left']:.1f} %" if peer and peer["verdict"] == "handled" else verdict(peer), seconds(peer)]
    return (
        "| " + " | ".join([r["name"], r.get("input", "?"), r.get("smallest", ""), *dense, *left, *told, *last]) + " |"
    )


def seconds(r):
    return f"{r['cpu']:.2f}" if r and "cpu" in r else ""


def verdict(r):
    return "" if r is None else "yes" if r["verdict"] == "exact" else r["verdict"]


def reason(r):
    return f"- {r['name']}: {r['verdict']}: {one_line(r['why'])}" if r["why"] else None


def remark(r):
    parts = [f"{r['verdict']}: {one_line(r['why'])}"] if r["why"] else []
    reasons = {}
    for layer, why in r.get("frozen", {}).items():
        reasons.setdefault(why, []).append(layer)
    for why, layers in reasons.items():
        shown = ", ".join(layers[:3]) + (f" and {len(layers) - 3} more" if len(layers) > 3 else "")
        parts.append(f"{shown} kept: {one_line(why)}")
    for mode, why in r.get("rounded", {}).items() if r.get("kind") != "structure" else ():
        parts.append(f"to 8 in {mode}: {one_line(why)}")
    parts += [n if len(n) < 160 else n[:160].rsplit(",", 1)[0] + " …" for n in r.get("notes", ())]
    return f"- {r['name']}: " + "; ".join(parts) if parts else None


def one_line(text):
    text = " ".join(text.split())
    return text if len(text) < 300 else text[:300].rsplit(" ", 1)[0] + " …"
