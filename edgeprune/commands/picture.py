"""Plans as a picture: for each layer one bar per plan against the dense width, in filters and in percent."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune import files
from edgeprune.commands.tables import label
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.plan import Plan

#: Okabe and Ito's colours, which colour-blind readers can tell apart; black and yellow left out.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
#: Formats by their suffix, and what would tell when a file was made.
SUFFIXES: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def draw_plans(plans: Sequence[Plan], path: str | Path) -> None:
    """Draw the plans of one network to ``path``; layers from top to bottom as the forward pass meets them.

    Raises:
        EdgepruneError: an unknown suffix, or more plans than there are colours.
    """
    if Path(path).suffix not in SUFFIXES:
        raise EdgepruneError("is no picture format", file=path, remedy=f"end the name in {', '.join(SUFFIXES)}")
    if len(plans) > len(COLOURS):
        raise EdgepruneError(f"{len(plans)} plans are too many for one picture", remedy=f"show up to {len(COLOURS)}")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    layers = list(plans[0].layers)
    dense = [plans[0].layers[name][0] for name in layers]
    thick = 0.8 / len(plans)
    # A fixed salt and no date make the same plans give the same bytes.
    with rc_context({"svg.hashsalt": "edgeprune", "svg.fonttype": "none", "pdf.fonttype": 42}):
        height = 1.6 + len(layers) * max(0.22, 0.11 * len(plans))
        figure = Figure(figsize=(9, height), layout="constrained")
        counts, fractions = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for n, plan in enumerate(plans):
            rows = [i - 0.4 + thick * (n + 0.5) for i in range(len(layers))]
            kept = [plan.layers[name][1] for name in layers]
            percent = [100 * now / all_ for now, all_ in zip(kept, dense)]
            counts.barh(rows, kept, thick * 0.92, color=COLOURS[n], label=label(plan), zorder=3)
            fractions.barh(rows, percent, thick * 0.92, color=COLOURS[n], zorder=3)
        counts.barh(range(len(layers)), dense, 0.86, color="#DDDDDD", label="dense", zorder=2)
        fractions.barh(range(len(layers)), [100] * len(layers), 0.86, color="#DDDDDD", zorder=2)
        counts.set_yticks(range(len(layers)), layers, fontsize=8)
        counts.set_ylim(len(layers) - 0.4, -0.6)
        counts.set_ylabel("layer, from input to output")
        counts.set_xlabel("filters kept (neurons of a linear layer)")
        fractions.set_xlabel("kept, % of the dense width")
        fractions.set_xlim(0, 100)
        for axes in (counts, fractions):
            axes.set_axisbelow(True)
            axes.grid(axis="x", color="#BBBBBB", linewidth=0.5)
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(plans[0].network, fontsize=11)
        columns = len(plans) + 1 if len(plans) < 5 else 3
        handles, labels = counts.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8)
        with files.replacing(path) as temporary:
            figure.savefig(temporary, dpi=150, metadata=SUFFIXES[Path(path).suffix])
