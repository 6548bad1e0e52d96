"""What may be removed from a network: eligible groups, their floors, the blocks in which units go."""

import math
import numbers
import operator
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError, near
from edgeprune.sampling import reasons
from edgeprune.sampling.costs import Costs
from edgeprune.sampling.rounding import grid
from edgeprune.sampling.table import CostTable, text

#: Default of ``min_channels``: a tenth of each layer. With a floor of one channel, MA at 90 % leaves 4 of VGG-16's 15
#: and 10 of ResNet-50's 37 groups one unit wide. A tenth rules that out and keeps 50 % and 70 % within reach in every
#: mode on the usual nets (and 90 % in PA and FA; MA ends at 89.5 %). The figures are in docs/sampling.md.
DEFAULT_FLOOR = 0.1
PRUNABLE = ("all", "conv")
#: What is drawn: a filter, weighted by its layer's share; or a layer by its share, of which one filter goes.
DRAWS = ("filter", "layer")


class Problem:
    """A profile with the options of a plan.

    Attributes:
        costs: the profile's compiled :class:`~edgeprune.sampling.costs.Costs`.
        dense: dense width of each group.
        floor: the least that each group may keep; its dense width where it must not be pruned.
        draw: ``"filter"`` or ``"layer"``.
        step: what ``round_to`` asks of a pruned group: its widths are ``offset + n * step``.
        offset: rest of a pruned width modulo the step; 0 unless ``round_to`` meets a layer with channels that stay.
        eligible: numbers of the groups with ``floor < dense``.
        reasons: for each group, what keeps its floor from being lower, for a refusal.
    """

    def __init__(
        self,
        profile: Profile,
        prunable: str = "all",
        min_channels: float = DEFAULT_FLOOR,
        protect: str | Collection[str] | None = (),
        round_to: int = 1,
        draw: str = "filter",
        table: CostTable | None = None,
    ) -> None:
        for key, value, known in (("prunable", prunable, PRUNABLE), ("draw", draw, DRAWS)):
            if value not in known:
                problem = f"unknown choice {value!r}{near(value, known)}"
                raise EdgepruneError(problem, key=key, remedy=f"one of {', '.join(known)}")
        round_to, min_channels = whole(round_to, 1, "round_to"), _checked_floor(min_channels)
        patterns = _checked_patterns(protect)
        self.settings = {
            "prunable": prunable,
            "min_channels": min_channels,
            "protect": list(patterns),
            "round_to": round_to,
            "draw": draw,
        }
        self.draw = draw
        self.profile, self.costs = profile, Costs(profile, table)
        self.dense = self.costs.dense
        spared = _protected(profile, patterns)
        self.step, least, only_conv = [], [], []
        for group, writers in zip(profile.groups, self.costs.writers):
            coefficients = [c for _, c in writers]
            step = math.lcm(*(round_to // math.gcd(round_to, c) for c in coefficients))
            if isinstance(min_channels, int):
                floor = min(group.width, max((-(-min_channels // c) for c in coefficients), default=1))
            else:
                floor = math.ceil(Fraction(repr(min_channels)) * group.width)
            only_conv.append(prunable == "conv" and all(layer.kind == "linear" for layer, _ in writers))
            if not writers or group.name in spared or only_conv[-1]:
                floor = group.width
            self.step.append(step)
            least.append(floor)
        self.offset, self.floor = grid(profile, self.costs, self.step, least, round_to)
        self._rounds = any(step > 1 for step in self.step)
        self.eligible = [i for i, (low, dense) in enumerate(zip(self.floor, self.dense)) if low < dense]
        self.reasons = [
            reasons.of_group(self.settings, spared.get(name), conv, low, floor, dense)
            for name, conv, low, floor, dense in zip(self.costs.names, only_conv, least, self.floor, self.dense)
        ]

    def nearest(self, i: int, units: int) -> int:
        """The width on group ``i``'s grid that is nearest to ``units``, of two the larger; dense is one of them."""
        if self.step[i] == 1 or units == self.dense[i]:
            return units
        below = max(self.floor[i], units - (units - self.offset[i]) % self.step[i])
        above = min(self.dense[i], below + self.step[i])
        return above if above - units <= units - below else below

    def rounded(self, w: Sequence[int]) -> list[int]:
        """Widths ``w`` on the grid that ``round_to`` asks for."""
        if not self._rounds:
            return list(w)
        return [self.nearest(i, units) for i, units in enumerate(w)]

    def lots(self, i: int, w: Sequence[int]) -> int:
        """How many lots group ``i`` has in the draw beside its share: one for each unit, or one in all."""
        return w[i] if self.draw == "filter" else 1

    def meets(self, limits: Mapping[str, int], w: Sequence[int]) -> bool:
        """Whether widths ``w`` keep every limit."""
        return all(self.costs.total(resource, w) <= limit for resource, limit in limits.items())

    def check(self, limits: Mapping[str, int], key: str) -> None:
        """Refuse limits that the floors make unreachable, before anything is drawn.

        Raises:
            EdgepruneError: names the largest reduction that can be reached, and why layers are kept.
        """
        out_of_reach, missed = [], []
        for resource, limit in limits.items():
            least = self.costs.total(resource, self.floor)
            if least > limit:
                dense = self.costs.dense_total(resource)
                asked, most = 1 - limit / dense, 1 - least / dense
                missed.append(resource)
                out_of_reach.append(
                    f"{resource} can fall by at most {_percent(most)}, to {text(resource, least)}; "
                    f"asked for {_percent(asked)}, to {text(resource, limit)}"
                )
        if out_of_reach:
            why, fixed, helps = reasons.told(self, missed)
            raise EdgepruneError(
                f"cannot be reached by {self.profile.network}: {'; '.join(out_of_reach)}. What is left lies in {why}",
                key=key,
                remedy=self._remedy(fixed, helps),
            )

    def _remedy(self, fixed: bool, helps: Sequence[str]) -> str:
        told = "; ".join([*helps, "`edgeprune explain NETWORK` says what each layer that is kept would gain"])
        if not self.profile.groups:
            return f"ask for less, or change the network, which no option can prune: {told}"
        shown = ", ".join(f"{k}={v!r}" for k, v in self.settings.items())
        options = f"ask for less, or prune more freely: prunable, min_channels, protect, round_to (now {shown})"
        return f"{options}; what the network itself keeps no option frees: {told}" if fixed else options


def _percent(fraction: float) -> str:
    return f"{math.floor(fraction * 10000) / 100:.2f} %"


def whole(value: Any, least: int, key: str) -> int:
    """``value`` as an ``int``; NumPy's integers are taken.

    Raises:
        EdgepruneError: it is no whole number, or below ``least``.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise EdgepruneError(f"{value!r} is not a whole number from {least}", key=key)
    return number


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _checked_floor(value: Any) -> int | float:
    if _is_real(value):
        value = float(value) if 0 < value < 1 else int(value) if value >= 1 and value == value // 1 else value
    if isinstance(value, bool) or not (
        (isinstance(value, int) and value >= 1) or (isinstance(value, float) and 0 < value < 1)
    ):
        raise EdgepruneError(
            f"{value!r} is neither a whole number from 1 nor a fraction between 0 and 1",
            key="min_channels",
            remedy="give the channels that every layer keeps, e.g. 8, or the fraction of its width, e.g. 0.1",
        )
    return value


def _checked_patterns(protect: object) -> tuple[str, ...]:
    patterns = (protect,) if isinstance(protect, str) else protect or ()
    valid = isinstance(patterns, (list, tuple, set, frozenset)) and all(isinstance(p, str) for p in patterns)
    if not valid:
        raise EdgepruneError(
            f"{protect!r} is not a list of patterns",
            key="protect",
            remedy="give names of layers, e.g. ['conv1', 'fc*']",
        )
    return tuple(patterns)


def _protected(profile: Profile, patterns: Sequence[str]) -> dict[str, str]:
    """``{group: pattern}`` of the groups that some layer matched by ``patterns`` is part of."""
    by_layer = {layer.name: {g for _, g in layer.out if g is not None} for layer in profile.layers}
    for group in profile.groups:
        for member in group.members:
            by_layer.setdefault(member, set()).add(group.name)
    spared = {}
    for pattern in patterns:
        matched = [name for name in by_layer if fnmatchcase(name, pattern)]
        if not matched:
            raise EdgepruneError(
                f"the pattern {pattern!r} matches no layer of {profile.network}{near(pattern.strip('*'), by_layer)}",
                key="protect",
                remedy=f"`edgeprune show` lists all {len(profile.layers)} layers: {', '.join([*by_layer][:3])} …",
            )
        for name in matched:
            spared |= {group: pattern for group in by_layer[name] if group not in spared}
    return spared
