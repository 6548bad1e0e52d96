"""How a plan thins its network: the narrowest layer, the mean of all, and how far below its limit it ended."""

from typing import Any, Protocol, TypedDict

from edgeprune.names import COUNTED

#: A layer that keeps less than this fraction of its filters is warned of. Figures are in docs/sampling.md.
THIN = 0.3


class Planned(Protocol):
    """What is read of a :class:`~edgeprune.sampling.plan.Plan`, which stands above this module."""

    @property
    def widths(self) -> dict[str, int]: ...
    @property
    def dense_widths(self) -> dict[str, int]: ...
    @property
    def mode(self) -> str | None: ...
    @property
    def target(self) -> float | None: ...
    @property
    def budget(self) -> dict[str, float] | None: ...
    @property
    def reduction(self) -> dict[str, float]: ...
    @property
    def dense_totals(self) -> dict[str, int]: ...
    @property
    def predicted(self) -> dict[str, Any] | None: ...


class Health(TypedDict):
    """The narrowest group and what it keeps of its width; the harmonic mean of what all keep."""

    narrowest: str | None
    narrowest_kept: float
    harmonic_mean: float


def of(plan: Planned) -> Health:
    """``{"narrowest", "narrowest_kept", "harmonic_mean"}`` over the plan's groups, each named after its first layer.

    ``narrowest_kept`` is the smallest kept fraction of a group's width, ``narrowest`` that group's name, and
    ``harmonic_mean`` the harmonic mean of all kept fractions, which one thin layer pulls down further than the
    arithmetic one. A network without groups has no narrowest and 1.
    """
    kept = {group: plan.widths[group] / dense for group, dense in plan.dense_widths.items()}
    narrowest = min(kept, key=lambda group: kept[group], default=None)
    return {
        "narrowest": narrowest,
        "narrowest_kept": min(kept.values(), default=1.0),
        "harmonic_mean": len(kept) / sum(1 / fraction for fraction in kept.values()) if kept else 1.0,
    }


def slack(plan: Planned) -> dict[str, float]:
    """``{resource: fraction of the dense total}`` by which the plan lies below what it was allowed to keep.

    Less than one filter's worth for a single resource; more with ``round_to``, where one step of a layer's width is the
    least that can be given back, and for all but one resource of a joint budget. Empty for the dense network.
    """
    if plan.predicted:
        return {plan.predicted["resource"]: plan.predicted["reduction"] - plan.target}
    if plan.mode in COUNTED:
        return {COUNTED[plan.mode]: plan.reduction[COUNTED[plan.mode]] - (plan.target or 0)}
    allowed = {r: value if value < 1 else value / plan.dense_totals[r] for r, value in (plan.budget or {}).items()}
    return {r: round(min(1, fraction) - (1 - plan.reduction[r]), 12) + 0.0 for r, fraction in allowed.items()}


def warning(plan: Planned) -> str | None:
    """A sentence about a layer that is left thin, or None."""
    found = of(plan)
    if found["narrowest_kept"] >= THIN:
        return None
    return (
        f"{found['narrowest']} keeps {found['narrowest_kept']:.1%} of its width: a layer this thin can cost accuracy; "
        "a smaller reduction or a larger min_channels leaves it wider"
    )
