"""What every sampled plan must be: as large as its limit lets it."""

from fractions import Fraction

from helpers import reference


def assert_tight(plan, resource, limit, step=1):
    """Within the limit; and giving one block back to some group that lost any would not be."""
    profile = plan.profile
    assert plan.totals[resource] <= limit
    lost = [g for g, units in plan.widths.items() if units < plan.dense_widths[g]]
    wider = [{**plan.widths, g: min(plan.widths[g] + step, plan.dense_widths[g])} for g in lost]
    assert any(profile.total(resource, w) > limit for w in wider)


def limit_of(profile, mode, target):
    return (1 - Fraction(repr(target))) * profile.totals[reference.RESOURCE[mode]]
