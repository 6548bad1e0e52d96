"""Plans and profiles as tables for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeprune.names import COUNTED, RESOURCES
from edgeprune.reporting import terminal
from edgeprune.sampling import health

if TYPE_CHECKING:
    from edgeprune.complexity.profile import Profile
    from edgeprune.sampling.plan import Plan

_BAR = 12
_HELD = {"PA": "parameters", "FA": "FLOPs", "MA": "memory"}
_EIGHTHS = " ▏▎▍▌▋▊▉"


def label(plan: Plan) -> str:
    """Short name of a plan among others: method, mode or budget, target, seed."""
    parts = [] if plan.method == "complexity" and plan.mode else [plan.method]
    if plan.mode:
        parts += [plan.mode, f"{plan.target:.0%}"]
    elif plan.budget:
        parts.append("+".join(plan.budget))
    by = ["by layer"] if plan.settings.get("draw") == "layer" else []
    return " ".join([*parts, *by, f"seed {plan.seed}"])


def amount(value: int, resource: str) -> str:
    """A total with a unit: ``15.2 M``, ``1.11 MB``."""
    unit = "B" if resource in ("memory", "peak_memory") else ""
    for power, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * power:  # 999,999 is 1.00 M
            return f"{value / power:#.3g}".rstrip(".") + f" {prefix}{unit}"
    return f"{value} {unit}".strip()


def plan_table(plans: Sequence[Plan], unicode: bool | None = None) -> str:
    """The plans of one network: dense and kept filters of each layer with a bar, then what is left of each resource;
    plans that do not fit beside each other below.

    Args:
        plans: one or several of the same network.
        unicode: whether bars may use block characters; as the terminal's encoding allows if None.
    """
    if unicode is None:
        unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
    first = plans[0]
    rows: list[list[str] | None] = [["layer", "dense", *(label(p) for p in plans)]]
    for name, (dense, _) in first.layers.items():
        cells = [_kept(dense, plan.layers[name][1], unicode) for plan in plans]
        rows.append([name, str(dense), *cells])
    rows.append(None)
    for resource in RESOURCES:
        cells = [f"{amount(p.totals[resource], resource):>9}  {-100 * p.reduction[resource] or 0:.1f} %" for p in plans]
        rows.append([resource, amount(first.dense_totals[resource], resource), *cells])
    rows += _predicted_rows(plans)
    rows += [None, *_health_rows(plans)]
    warned = dict.fromkeys(filter(None, map(health.warning, plans)))
    warnings = terminal.wrap(f"warning: {said}" for said in warned)
    return "\n".join([first.network, "", terminal.table(rows, right={1}, keep=2), *warnings])


def _health_rows(plans: Sequence[Plan]) -> list[list[str]]:
    """How thin the plans leave the network, and how far below their limits they ended."""
    found = [health.of(plan) for plan in plans]
    rows = [
        [
            "narrowest",
            "",
            *(f"{f['narrowest_kept']:>9.0%}  {_brief(f['narrowest'])}" for f in found),
        ],
        ["harmonic mean", "", *(f"{f['harmonic_mean']:>9.0%}" for f in found)],
    ]
    slacks = [health.slack(plan) for plan in plans]
    for resource in dict.fromkeys(r for slack in slacks for r in slack):
        cells = [_percent(slack[resource]) if resource in slack else "" for slack in slacks]
        rows.append([f"below limit, {resource}", "", *(f"{cell:>9}" for cell in cells)])
    return rows


def _brief(layer: str | None) -> str:
    return terminal.shorten(layer or "", 20)


def _percent(fraction: float) -> str:
    return "<0.01 %" if 0 < fraction < 1e-4 else f"{100 * fraction:.2f} %"


def _predicted_rows(plans: Sequence[Plan]) -> list[list[str]]:
    """What the plans of the measured modes predict, a row for each resource and device."""
    found = {}
    for n, plan in enumerate(plans):
        if plan.predicted:
            said = plan.predicted
            sure = ", estimated" if said["estimated"] else ""
            key = f"{said['resource']} on {said['device']}{sure}", f"{said['dense']:.4g} {said['unit']}"
            cell = f"{said['pruned']:>6.4g} {said['unit']}  {-100 * said['reduction']:.1f} %"
            found.setdefault(key, [""] * len(plans))[n] = cell
    return [[*key, *cells] for key, cells in found.items()]


def profile_table(profile: Profile) -> str:
    """Every layer with what it costs and its share in each mode, then the totals."""
    table, held = profile.layer_table(), dict.fromkeys(COUNTED, 0.0)
    rows: list[list[str] | None] = [["layer", "kind", "filters", "params", "MACs", "memory", *COUNTED, ""]]
    for row in table:
        costs = [amount(row[r], r) for r in ("params", "macs", "memory")]
        shares = [f"{100 * row[f'share_{mode}']:.1f} %" for mode in COUNTED]
        fixed = row["layer"] in profile.frozen
        held = {mode: held[mode] + fixed * row[f"share_{mode}"] for mode in COUNTED}
        rows.append([row["layer"], row["kind"], str(row["filters"]), *costs, *shares, "kept" * fixed])
    kept: dict[str, list[str]] = {}
    for layer, reason in profile.frozen.items():
        kept.setdefault(reason, []).append(layer)
    said = [f"kept: {reason}: {', '.join(layers)}" for reason, layers in kept.items()]
    parts = ", ".join(f"{100 * held[m]:.1f} % of the {label}" for m, label in _HELD.items())
    said += [f"kept layers hold {parts}; `edgeprune explain` says what they would gain"] if profile.frozen else []
    totals = [f"{r:<12} {amount(profile.totals[r], r)}" for r in RESOURCES]
    notes = terminal.wrap([*said, *(f"note: {note}" for note in profile.notes)])
    shown = terminal.table(rows, right=set(range(2, 9)))
    return "\n".join([profile.network, "", shown, "", *totals, *[""][: len(notes)], *notes])


def _kept(dense: int, kept: int, unicode: bool) -> str:
    eighths = round(8 * _BAR * kept / dense)
    blocks = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    bar = blocks if unicode else "#" * round(eighths / 8)
    return f"{kept:>5} {bar:<{_BAR}} {kept / dense:>4.0%}"
