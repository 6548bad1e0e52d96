"""Explain which layers are pruned together and why, which keep their filters and why, and what that costs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from edgeprune.commands import network, options
from edgeprune.names import COUNTED
from edgeprune.reporting import terminal

if TYPE_CHECKING:
    from edgeprune.tracing.explain import Explanation


def arguments(parser: ArgumentParser) -> None:
    network.arguments(parser)
    options.add_json(parser)


def run(args: Namespace) -> None:
    model = network.build(args)
    from edgeprune.tracing.explain import explain

    found = explain(model, network.input_shapes(args), network=network.name_of(args))
    data = {"network": found.profile.network, "groups": found.groups, "kept": found.kept}
    options.show(
        args, lambda: data | {k: [asdict(part) for part in data[k]] for k in ("groups", "kept")}, lambda: _text(found)
    )


def _text(found: Explanation) -> str:
    lines = [found.profile.network]
    if found.groups:
        rows = [["group", "units", "layers", *COUNTED]]
        rows += [[g.name, str(g.units), str(len(g.members)), *_percents(g.shares)] for g in found.groups]
        lines += ["", terminal.table(rows, right=set(range(1, 6)))]
    for group in found.groups:
        if group.coupled_by:
            lines += ["", *terminal.wrap([f"{group.name}: {', '.join(group.members)}"])]
            lines += terminal.wrap(f"  coupled by {why}" for why in group.coupled_by)
    if found.kept:
        lines += ["", "Kept, what it holds, and what the network would lose with a tenth of these filters:"]
        rows = [["layers", "", *COUNTED, *(f"lost {mode}" for mode in COUNTED)]]
        for kept in found.kept:
            more = f"and {len(kept.layers) - 1} more" if len(kept.layers) > 1 else ""
            gains = _percents(kept.gains) if kept.gains else ["-"] * len(COUNTED)
            rows.append([kept.layers[0], more, *_percents(kept.shares), *gains])
        lines += [terminal.table(rows, right=set(range(2, 8))), ""]
    for kept in found.kept:
        lines += terminal.wrap([f"{', '.join(kept.layers)}: {kept.reason}"])
        lines += terminal.wrap([f"  remedy: {kept.help}"] if kept.help else [])
    return "\n".join(lines)


def _percents(fractions: dict[str, float]) -> list[str]:
    return [f"{100 * fractions[mode]:.1f} %" for mode in COUNTED]
