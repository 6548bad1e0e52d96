"""A device's table of measured layer costs: what each layer takes there, as a function of its widths.

Made by :mod:`edgeprune.measuring.layers`, read here without torch or numpy. Between the measured widths a cost is
interpolated linearly in both, in integers only, so that a table gives the same plans on every platform.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn, Self

from msgspec import Meta

from edgeprune import files, typed
from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.typed import Positive

FORMAT, VERSION = "edgeprune.layer_costs", 1
#: Of each resource: the key of a layer's numbers (nanoseconds, nanojoules), the unit to show it in, and how many of the
#: integers that :meth:`Surface.at` gives make one such unit.
UNITS = {"latency": ("latency_ns", "ms", 10**9), "energy": ("energy_nj", "mJ", 10**9)}
_FINER = 1000  # costs are in thousandths of the table's unit, so that rounding is far below any layer's cost
_AGAIN = "make the table again with scripts/measure_layers.py"
Points = Annotated[tuple[Positive, ...], Meta(min_length=1)]
Rows = tuple[tuple[Positive, ...], ...]


@dataclass(frozen=True)
class Surface:
    """One layer's cost over a grid of widths.

    Attributes:
        inputs: measured numbers of input channels that a filter sees, rising.
        filters: measured numbers of filters, rising.
        values: for each of ``inputs`` a tuple with the cost at each of ``filters``: integers.
    """

    inputs: Points
    filters: Points
    values: Rows

    def at(self, inputs: int, filters: int) -> int:
        """The cost there, an integer in thousandths of the table's unit (picoseconds, picojoules), rounded down.

        Outside the measured widths it is that at the nearest measured ones.
        """
        i, left, right, wide = _between(self.inputs, inputs)
        j, low, high, tall = _between(self.filters, filters)
        a, b = self.values[i], self.values[i + 1 if right else i]
        k = j + 1 if high else j
        return _FINER * (left * (low * a[j] + high * a[k]) + right * (low * b[j] + high * b[k])) // (wide * tall)


def _between(points: Sequence[int], x: int) -> tuple[int, int, int, int]:
    """``(index, weight of that point, weight of the next one, sum of the weights)``."""
    if x <= points[0]:
        return 0, 1, 0, 1
    if x >= points[-1]:
        return len(points) - 1, 1, 0, 1
    i = bisect_right(points, x) - 1
    return i, points[i + 1] - x, x - points[i], points[i + 1] - points[i]


@dataclass(frozen=True)
class LayerCosts:
    """One layer in a table: its cost at each of ``inputs`` (rows) and each of ``filters``."""

    name: str
    inputs: Points
    filters: Points
    latency_ns: Rows
    energy_nj: Rows | None = None


@dataclass(frozen=True)
class CostTable:
    """The costs of one network's layers on one device; see ``docs/measured-modes.md``.

    Attributes:
        sha256: of the file.
        path: of the file, for messages.
    """

    device: str
    network: str
    profile_digest: str
    layers: tuple[LayerCosts, ...]
    runtime: str | None = None
    threads: int | None = None
    energy: dict[str, Any] | None = None
    reasons: dict[str, str] | None = None
    sha256: str = ""
    path: str = ""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a table.

        Raises:
            EdgepruneError: the file is not a table, is damaged, or is one of another version.
        """
        value = typed.read(path, FORMAT, VERSION, "a table of layer costs", _AGAIN)
        table = typed.convert(value, cls, file=path, remedy=_AGAIN)
        for n, layer in enumerate(table.layers):
            _check(layer, path, f"layers[{n}]")
        return replace(table, sha256=files.sha256(path), path=str(path))

    @cached_property
    def _layers(self) -> dict[str, LayerCosts]:
        return {layer.name: layer for layer in self.layers}

    def check(self, profile: Profile) -> None:
        """Refuse a profile that the table was not measured for.

        Raises:
            EdgepruneError: another network, or another input shape or width of the same one.
        """
        if self.profile_digest != profile.digest:
            raise EdgepruneError(
                f"was measured for another network ({self.network}) than the profile of {profile.network}",
                file=self.path,
                key="profile_digest",
                remedy="give the table of this network with this input shape, or " + _AGAIN,
            )

    def surface(self, layer: str, resource: str) -> Surface:
        """The :class:`Surface` of a layer.

        Raises:
            EdgepruneError: the table has no such layer, or lacks the resource; with the reason that it gives.
        """
        entry, key = self._layers.get(layer), UNITS[resource][0]
        if entry is None:
            raise EdgepruneError(f"has no layer {layer!r}", file=self.path, key="layers", remedy=_AGAIN)
        if getattr(entry, key) is None:
            reason = (self.reasons or {}).get(resource, "it was not measured")
            raise EdgepruneError(
                f"the table of {self.device} has no {resource} of the layers: {reason}",
                file=self.path,
                key=key,
                remedy=f"state the power as devices.{self.device}.energy: {{source: estimated, watts: W}}"
                if resource == "energy"
                else _AGAIN,
            )
        return Surface(entry.inputs, entry.filters, getattr(entry, key))

    def estimated(self, resource: str) -> bool:
        """Whether the resource's numbers are an estimate and not a measurement."""
        return resource == "energy" and (self.energy or {}).get("source") == "estimated"


def open_table(table: CostTable | str | Path | None) -> CostTable | None:
    """``table``, read from its file if it is a path."""
    return CostTable.load(table) if isinstance(table, (str, Path)) else table


class Measured:
    """A network's cost by a table, as a function of the widths: :class:`Polynomial`'s counterpart.

    Args:
        profile: the network's profile.
        table: a :class:`CostTable` of it.
        resource: ``"latency"`` or ``"energy"``.

    Attributes:
        touches: for each group, numbers of the layers whose cost depends on its width.
    """

    def __init__(self, profile: Profile, table: CostTable, resource: str) -> None:
        table.check(profile)
        self.table = table
        number = {group.name: i for i, group in enumerate(profile.groups)}
        self.layers, self.writers = [], [[] for _ in profile.groups]
        self.touches = [[] for _ in profile.groups]
        for n, layer in enumerate(profile.layers):
            parts = []
            for expr in (layer.inp, layer.out):
                by_group, fixed = width.coefficients(expr)
                parts.append((fixed, tuple((number[g], c) for g, c in by_group.items())))
            self.layers.append((*parts, table.surface(layer.name, resource)))
            for i, c in parts[1][1]:
                self.writers[i].append((n, c))
            for i in sorted({i for _, groups in parts for i, _ in groups}):
                self.touches[i].append(n)

    def layer(self, n: int, w: Sequence[int]) -> tuple[int, int]:
        """``(cost, filters)`` of layer ``n`` at widths ``w``."""
        (fixed, read), (stays, written), surface = self.layers[n]
        filters = stays + sum(c * w[i] for i, c in written)
        return surface.at(fixed + sum(c * w[i] for i, c in read), filters), filters

    def __call__(self, w: Sequence[int]) -> int:
        """The sum over the layers, an integer."""
        return sum(self.layer(n, w)[0] for n in range(len(self.layers)))


def _check(layer: LayerCosts, path: str | Path, key: str) -> None:
    """Refuse widths that do not rise, and rows that are not one for each of them."""

    def refuse(part: str, problem: str) -> NoReturn:
        raise EdgepruneError(problem, file=path, key=f"{key}.{part}", remedy=_AGAIN)

    for axis in ("inputs", "filters"):
        points = getattr(layer, axis)
        if any(a >= b for a, b in pairwise(points)):
            refuse(axis, f"cannot be {typed.short(list(points))}: the widths do not rise")
    for name, _, _ in UNITS.values():
        rows = getattr(layer, name)
        if rows is not None and [len(row) for row in rows] != [len(layer.filters)] * len(layer.inputs):
            refuse(name, f"is not {len(layer.inputs)} lists of {len(layer.filters)} numbers, as its widths are")


def shown(resource: str, amount: float) -> float:
    """``amount`` of a measured resource in its unit, e.g. milliseconds."""
    return amount / UNITS[resource][2]


def text(resource: str, amount: float) -> str:
    """An amount of any resource for a message."""
    if resource not in UNITS:
        return f"{amount:,}"
    number = shown(resource, amount)
    places = max(0, 3 - math.floor(math.log10(number))) if number > 0 else 3
    return f"{number:.{places}f} {UNITS[resource][1]}"
