"""A network's complexity profile: its layers, its groups of coupled channels, and what both cost.

The quantities are the project's own definitions (METHOD: parameters, MACs, FLOPs, memory), for one input
sample. A profile is made by :func:`edgeprune.profile` (which needs torch); everything here is plain Python, so
that plans can be drawn, loaded and compared without it.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from msgspec import Meta

from edgeprune import files, typed
from edgeprune.complexity import parts, width
from edgeprune.complexity.parts import Group, Layer, Lifetime, Product, SizeAttribute, TensorShape
from edgeprune.errors import EdgepruneError
from edgeprune.names import COUNTED, RESOURCES
from edgeprune.typed import Positive, Totals

FORMAT, VERSION = "edgeprune.profile", 1
AtLeastOne = Meta(min_length=1)


@dataclass(frozen=True)
class Profile:
    """See the module's docstring.

    Attributes:
        network: the name that the user knows it by.
        input_shapes: shape of each input without the batch, e.g. ``((3, 32, 32),)``.
        groups: prunable groups, in the order in which the forward pass meets them.
        layers: every convolution and linear layer, in that order.
        slots: every parameter and buffer.
        matmuls: products counted beside the layers.
        alive: feature maps with their lifetimes, for peak memory.
        frozen: ``{layer: reason}``: filters that will not be pruned, with the operator and source line.
        notes: what the user should know (an auxiliary head left out, a size that surgery mends …).
        attributes: sizes that modules keep in attributes and that surgery sets.
        count_only: ``{group: reason}``: what the group costs is exact, but a unit does not stand for certain channels
            (after channel shuffles) or acts on the others (a softmax over them): no unit's weights can be kept.
    """

    network: str
    input_shapes: Annotated[tuple[Annotated[tuple[Positive, ...], AtLeastOne], ...], AtLeastOne]
    groups: tuple[Group, ...]
    layers: Annotated[tuple[Layer, ...], AtLeastOne]
    slots: tuple[TensorShape, ...]
    matmuls: tuple[Product, ...] = ()
    alive: tuple[Lifetime, ...] = ()
    frozen: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dtype_bytes: Positive = 4
    attributes: tuple[SizeAttribute, ...] = ()
    count_only: dict[str, str] = field(default_factory=dict)

    @cached_property
    def widths(self) -> dict[str, int]:
        """``{group: units}`` of the dense network."""
        return {g.name: g.width for g in self.groups}

    @cached_property
    def totals(self) -> Totals:
        """``{"params", "macs", "flops", "memory", "peak_memory"}`` of the dense network; bytes for the memories."""
        return self.totals_at(self.widths)

    def totals_at(self, widths: Mapping[str, int]) -> Totals:
        """:attr:`totals` for other widths, e.g. those of a plan."""
        return {resource: self.total(resource, widths) for resource in RESOURCES}

    def total(self, resource: str, widths: Mapping[str, int]) -> int:
        """One resource over the whole network, an exact integer.

        ``params`` holds every parameter (batch norm's too); ``macs`` and ``flops`` hold matrix products outside
        the layers; ``memory`` is the sum of the layers' output maps; ``peak_memory`` is :meth:`peak_memory`.
        """
        if resource == "params":
            return sum(math.prod(s.shape(widths)) for s in self.slots if s.trainable)
        if resource == "peak_memory":
            return self.peak_memory(widths)
        total = sum(layer.cost(resource, widths, self.dtype_bytes) for layer in self.layers)
        if resource in ("macs", "flops"):
            total += sum(product.macs(widths) for product in self.matmuls) * (2 if resource == "flops" else 1)
        return total

    def peak_memory(self, widths: Mapping[str, int]) -> int:
        """Bytes of the weights and buffers plus the largest set of feature maps alive at one time."""
        weights = sum(s.bytes_per_element * math.prod(s.shape(widths)) for s in self.slots)
        change: dict[int, int] = {}
        for tensor in self.alive:
            size = tensor.size(widths)
            change[tensor.born] = change.get(tensor.born, 0) + size
            change[tensor.dies + 1] = change.get(tensor.dies + 1, 0) - size
        now = peak = 0
        for step in sorted(change):
            now += change[step]
            peak = max(peak, now)
        return weights + peak

    def layer_table(self, widths: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
        """One dict per layer: ``layer, kind, filters, params, macs, flops, memory`` (bytes), and its shares
        ``share_PA, share_FA, share_MA`` of the layers' sum."""
        widths = widths or self.widths
        rows = []
        for layer in self.layers:
            filters = width.evaluate(layer.out, widths)
            row: dict[str, Any] = {"layer": layer.name, "kind": layer.kind, "filters": filters}
            for resource in ("params", "macs", "flops", "memory"):
                row[resource] = layer.cost(resource, widths, self.dtype_bytes)
            rows.append(row)
        for mode, resource in COUNTED.items():
            total = sum(row[resource] for row in rows)
            for row in rows:
                row[f"share_{mode}"] = row[resource] / total
        return rows

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what decides a plan: groups, layers, parameters, products outside the layers.

        Names of files and notes do not count, nor does what depends on how operators are called rather than on the
        structure (in place or not): when feature maps live, and which attributes hold a size.
        """
        value = self.to_json()
        for key in ("network", "notes", "totals", "frozen", "count_only", "alive", "attributes"):
            value.pop(key, None)
        for layer in value["layers"]:
            layer.pop("source")
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The profile as a JSON object."""
        value: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "network": self.network,
            "input_shapes": [list(s) for s in self.input_shapes],
            "dtype_bytes": self.dtype_bytes,
            "totals": self.totals,
        }
        for name in ("groups", "layers", "slots", "matmuls", "alive"):
            value[name] = [parts.to_json(part) for part in getattr(self, name)]
        for layer in value["layers"]:
            if not layer["shared"]:
                del layer["shared"]
        value |= {"frozen": dict(self.frozen), "notes": list(self.notes)}
        value |= {"attributes": [parts.to_json(a) for a in self.attributes]} if self.attributes else {}
        return value | ({"count_only": dict(self.count_only)} if self.count_only else {})

    def save(self, path: str | Path) -> None:
        """Write the profile as JSON."""
        files.write_json(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a profile; keys that this version does not know are ignored.

        Raises:
            EdgepruneError: the file is not a profile, is damaged, or is one of a newer version.
        """
        value = typed.read(path, FORMAT, VERSION, "a complexity profile", "make one with `edgeprune profile`")
        told: dict[str, Any] = {"file": path, "remedy": "make the profile again with `edgeprune profile`"}
        stored = typed.convert(value, _Stored, **told)
        names = {group.name for group in stored.groups}
        if len(names) < len(stored.groups):
            raise EdgepruneError("names a group twice", key="groups", **told)
        profile = typed.convert(value, cls, custom=lambda _, written: width.from_json(written, names), **told)
        for resource, total in profile.totals.items():
            if stored.totals[resource] != total:
                problem = f"is {stored.totals[resource]}, but the layers make {total}"
                raise EdgepruneError(problem, key=f"totals.{resource}", **told)
        return profile


@dataclass
class _Stored:
    """What a file is checked by."""

    groups: tuple[Group, ...]
    totals: Totals
