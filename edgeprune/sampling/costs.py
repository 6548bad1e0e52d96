"""A profile's costs compiled to integer polynomials of the groups' widths, for fast and exact evaluation.

Groups are numbered as in ``profile.groups``; ``w`` is a list of widths in that order. Everything is exact: Python's
integers, or 64-bit ones where the dense network's totals prove that they cannot overflow (costs only fall with
widths).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from edgeprune.complexity import width
from edgeprune.complexity.parts import Layer
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.names import MEASURED, RESOURCES
from edgeprune.sampling.table import CostTable, Measured

if TYPE_CHECKING:
    import numpy as np

#: Resources that are polynomials; peak memory is a maximum of polynomials.
POLYNOMIAL = ("params", "macs", "flops", "memory")

#: ``{sorted tuple of group numbers: coefficient}``.
Terms = dict[tuple[int, ...], int]


class Polynomial:
    """A sum of ``coefficient * product of widths``."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.constant = terms.get((), 0)
        rows, self.higher = {}, []
        for groups, coefficient in terms.items():
            if len(groups) == 1:
                rows.setdefault(groups[0], [0, []])[0] += coefficient
            elif len(groups) == 2:
                rows.setdefault(groups[0], [0, []])[1].append((coefficient, groups[1]))
            elif groups:
                self.higher.append((coefficient, groups))
        self.rows = [(i, linear, tuple(pairs)) for i, (linear, pairs) in rows.items()]

    def __call__(self, w: Sequence[int]) -> int:
        total = self.constant
        for i, inner, pairs in self.rows:
            for coefficient, j in pairs:
                inner += coefficient * w[j]
            total += inner * w[i]
        for product, groups in self.higher:
            for i in groups:
                product *= w[i]
            total += product
        return total


class Costs:
    """The compiled costs of one profile.

    Attributes:
        names: the groups' names.
        dense: their dense widths.
        writers: for each group, ``[(layer, coefficient), …]``: the layers that lose ``coefficient`` filters with
            each unit.
        table: a :class:`~edgeprune.sampling.table.CostTable`, for the resources that are measured.
    """

    def __init__(self, profile: Profile, table: CostTable | None = None) -> None:
        self.profile, self.table = profile, table
        self.names = [g.name for g in profile.groups]
        self.dense = [g.width for g in profile.groups]
        self._number = {name: i for i, name in enumerate(self.names)}
        self._zero = dict.fromkeys(self.names, 0)
        self.writers: list[list[tuple[Layer, int]]] = [[] for _ in self.names]
        for layer in profile.layers:
            for group, coefficient in width.coefficients(layer.out)[0].items():
                self.writers[self._number[group]].append((layer, coefficient))
        self._totals: dict[str, Polynomial] = {}
        self._units: dict[str, list[tuple[int, dict[int, int]]]] = {}
        self._dense_units: dict[str, tuple[list[int], list[list[tuple[int, int]]]]] = {}
        self._measured: dict[str, Measured] = {}

    def total(self, resource: str, w: Sequence[int]) -> int:
        """The network's total of ``resource``, equal to ``profile.total``."""
        if resource == "peak_memory":
            return self.peak(w)[0]
        if resource in MEASURED.values():
            return self.measured(resource)(w)
        return self.polynomial(resource)(w)

    def dense_total(self, resource: str) -> int:
        """:meth:`total` of the dense network."""
        return self.total(resource, self.dense) if resource in MEASURED.values() else self.profile.totals[resource]

    def measured(self, resource: str) -> Measured:
        """The total of a measured resource, as a :class:`~edgeprune.sampling.table.Measured`.

        Raises:
            EdgepruneError: there is no table, it is of another network, or it lacks the resource.
        """
        if self.table is None:
            raise EdgepruneError(
                f"{resource} is measured on a device, so a table of its layers' costs is needed",
                key="table",
                remedy="give the table that scripts/measure_layers.py made of this network (--table of a command)",
            )
        if resource not in self._measured:
            self._measured[resource] = Measured(self.profile, self.table, resource)
        return self._measured[resource]

    def polynomial(self, resource: str) -> Polynomial:
        """The total of a resource other than peak memory, as a :class:`Polynomial`."""
        if resource not in self._totals:
            terms: Terms = {}
            if resource == "params":
                for slot in self.profile.slots:
                    if slot.trainable:
                        _add(terms, self._product(slot.dims))
            else:
                for layer in self.profile.layers:
                    _add(terms, _multiply(self._affine(layer.out), self._per_filter(layer, resource)))
            if resource in ("macs", "flops"):
                for product in self.profile.matmuls:
                    _add(terms, self._product(product.dims), product.positions * (2 if resource == "flops" else 1))
            self._totals[resource] = Polynomial(terms)
        return self._totals[resource]

    def per_unit(self, resource: str) -> list[tuple[int, dict[int, int]]]:
        """For each group, the share of its layers' cost that one unit holds: ``(constant, {group: coefficient})``.

        It is the sum over the group's layers of ``coefficient * cost per filter``, so that a layer which spans several
        groups is split over them by their filters; times the group's width it is the group's draw weight.
        """
        if resource not in self._units:
            units = []
            for writers in self.writers:
                terms: Terms = {}
                for layer, coefficient in writers:
                    _add(terms, self._per_filter(layer, resource), coefficient)
                units.append((terms.pop((), 0), {i: c for (i,), c in terms.items()}))
            self._units[resource] = units
        return self._units[resource]

    def per_unit_dense(self, resource: str) -> tuple[list[int], list[list[tuple[int, int]]]]:
        """:meth:`per_unit` at the dense widths; for each group, ``[(group, what that loses with each unit), …]``."""
        if resource not in self._dense_units:
            values, readers = [], [[] for _ in self.dense]
            for j, (constant, slopes) in enumerate(self.per_unit(resource)):
                values.append(constant + sum(c * self.dense[i] for i, c in slopes.items()))
                for i, c in slopes.items():
                    readers[i].append((j, c))
            self._dense_units[resource] = values, readers
        return self._dense_units[resource]

    def peak(self, w: Sequence[int]) -> tuple[int, list[int]]:
        """Peak memory, and how many bytes of the feature maps alive at the peak each group's channels span."""
        import numpy as np

        weights, features, maps = self._peak_parts
        values = []
        for groups in features:
            value = 1
            for i in groups:
                value *= w[i]
            values.append(value)
        sums = maps @ np.array(values, dtype=maps.dtype)
        step = int(np.argmax(sums)) if len(sums) else None
        spans = [0] * len(self.names)
        if step is not None:
            for groups, coefficient, value in zip(features, maps[step].tolist(), values):
                for i in set(groups):
                    spans[i] += coefficient * value
        return weights(w) + (int(sums[step]) if step is not None else 0), spans

    def totals_many(self, rows: Sequence[Sequence[int]]) -> list[dict[str, int]]:
        """``profile.totals_at`` for many width lists at once: a list of dicts."""
        import numpy as np

        table = np.array(rows, dtype=self._dtype).reshape(len(rows), len(self.names))
        table = np.concatenate([table, np.ones((len(rows), 1), dtype=self._dtype)], axis=1)
        columns = [self._evaluate(self.polynomial(r).terms, table) for r in POLYNOMIAL]
        weights, features, maps = self._peak_parts
        values = np.stack([self._evaluate({groups: 1}, table) for groups in features], axis=1)
        maps_at = (values @ maps.T).max(axis=1) if len(maps) else 0
        columns.append(self._evaluate(weights.terms, table) + maps_at)
        return [dict(zip(RESOURCES, (int(v) for v in row))) for row in zip(*(c.tolist() for c in columns))]

    def _evaluate(self, terms: Terms, table: np.ndarray) -> np.ndarray:
        import numpy as np

        degree = max(map(len, terms), default=0)
        one = len(self.names)  # the column of ones pads lower terms
        product = np.array(list(terms.values()), dtype=self._dtype)[None, :]
        for k in range(max(degree, 1)):
            product = product * table[:, [groups[k] if k < len(groups) else one for groups in terms]]
        return product.sum(axis=1)

    @cached_property
    def _dtype(self) -> str | type[object]:
        return "int64" if max(self.profile.totals.values()) < 2**62 else object

    @cached_property
    def _peak_parts(self) -> tuple[Polynomial, list[tuple[int, ...]], np.ndarray]:
        """Polynomial of the weights' bytes; the products of widths ("features") that sizes of feature maps are sums
        of; and a matrix (births of tensors x features) of the bytes alive then."""
        import numpy as np

        weights: Terms = {}
        for slot in self.profile.slots:
            _add(weights, self._product(slot.dims), slot.bytes_per_element)
        sizes = [(a, self._product(a.dims)) for a in self.profile.alive]
        features: Terms = {(): 0}
        for _, terms in sizes:
            for groups in terms:
                features.setdefault(groups, len(features))
        births = np.array(sorted({a.born for a in self.profile.alive}), dtype="int64")
        maps = np.zeros((len(births), len(features)), dtype=self._dtype)
        for tensor, terms in sizes:
            alive = (births >= tensor.born) & (births <= tensor.dies)
            for groups, coefficient in terms.items():
                maps[alive, features[groups]] += coefficient * tensor.bytes_per_element
        return Polynomial(weights), list(features), maps

    def _affine(self, expr: width.Expr) -> Terms:
        by_group, constant = width.coefficients(expr)
        terms: Terms = {(self._number[g],): c for g, c in by_group.items()}
        return terms | {(): constant} if constant else terms

    def _per_filter(self, layer: Layer, resource: str) -> Terms:
        """Terms of ``layer.cost_per_filter``, which is affine: read off at zero and at one unit of each input."""
        bytes_ = self.profile.dtype_bytes
        constant = layer.cost_per_filter(resource, self._zero, bytes_)
        terms: Terms = {(): constant} if constant else {}
        for group in width.coefficients(layer.inp)[0]:
            slope = layer.cost_per_filter(resource, self._zero | {group: 1}, bytes_) - constant
            if slope:
                terms[(self._number[group],)] = slope
        return terms

    def _product(self, exprs: Iterable[width.Expr]) -> Terms:
        terms: Terms = {(): 1}
        for expr in exprs:
            terms = _multiply(terms, self._affine(expr))
        return terms


def _add(terms: Terms, more: Terms, factor: int = 1) -> None:
    for groups, coefficient in more.items():
        terms[groups] = terms.get(groups, 0) + factor * coefficient


def _multiply(a: Terms, b: Terms) -> Terms:
    product = {}
    for left, x in a.items():
        for right, y in b.items():
            groups = tuple(sorted(left + right))
            product[groups] = product.get(groups, 0) + x * y
    return product
