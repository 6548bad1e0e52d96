"""A network's complexity profile: its layers, its groups of coupled channels, and what both cost.

The quantities are the project's own definitions (METHOD: parameters, MACs, FLOPs, memory), for one input
sample. A profile is made by :func:`edgeprune.profile` (which needs torch); everything here is plain Python, so
that plans can be drawn, loaded and compared without it.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cached_property

from edgeprune import files
from edgeprune.complexity import reading, width
from edgeprune.errors import EdgepruneError
from edgeprune.names import COUNTED, RESOURCES

FORMAT, VERSION = "edgeprune.profile", 1


@dataclass(frozen=True)
class Profile:
    """See the module's docstring.

    Attributes:
        network: the name that the user knows it by.
        input_shapes: shape of each input without the batch, e.g. ``((3, 32, 32),)``.
        groups: prunable groups, in the order in which the forward pass meets them.
        layers: every convolution and linear layer, in that order.
        slots: every parameter and buffer.
        matmuls: products counted beside the layers (attention): ``(positions, (expr, …))``.
        alive: feature maps with their lifetimes, for peak memory.
        frozen: ``{layer: reason}``: filters that will not be pruned, with the operator and source line.
        notes: what the user should know (an auxiliary head left out, a size that surgery mends …).
        attributes: sizes that modules keep in attributes and that surgery sets: ``(module, attribute, index or None,
            expression)``; the index is that of an item of a sequence.
        count_only: ``{group: reason}``: what the group costs is exact, but a unit does not stand for certain channels
            (after channel shuffles), so that no unit's weights can be kept.
    """

    network: str
    input_shapes: tuple
    groups: tuple
    layers: tuple
    slots: tuple
    matmuls: tuple = ()
    alive: tuple = ()
    frozen: dict = field(default_factory=dict)
    notes: tuple = ()
    dtype_bytes: int = 4
    attributes: tuple = ()
    count_only: dict = field(default_factory=dict)

    @cached_property
    def widths(self):
        """``{group: units}`` of the dense network."""
        return {g.name: g.width for g in self.groups}

    @cached_property
    def totals(self):
        """``{"params", "macs", "flops", "memory", "peak_memory"}`` of the dense network; bytes for the memories."""
        return self.totals_at(self.widths)

    def totals_at(self, widths):
        """:attr:`totals` for other widths, e.g. those of a plan."""
        return {resource: self.total(resource, widths) for resource in RESOURCES}

    def total(self, resource, widths):
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
            products = sum(n * math.prod(width.evaluate(e, widths) for e in exprs) for n, exprs in self.matmuls)
            total += products * (2 if resource == "flops" else 1)
        return total

    def peak_memory(self, widths):
        """Bytes of the weights and buffers plus the largest set of feature maps alive at one time."""
        weights = sum(s.bytes_per_element * math.prod(s.shape(widths)) for s in self.slots)
        change = {}
        for tensor in self.alive:
            size = tensor.size(widths)
            change[tensor.born] = change.get(tensor.born, 0) + size
            change[tensor.dies + 1] = change.get(tensor.dies + 1, 0) - size
        now = peak = 0
        for step in sorted(change):
            now += change[step]
            peak = max(peak, now)
        return weights + peak

    def layer_table(self, widths=None):
        """One dict per layer: ``layer, kind, filters, params, macs, flops, memory`` (bytes), and its shares
        ``share_PA, share_FA, share_MA`` of the layers' sum."""
        widths = widths or self.widths
        rows = []
        for layer in self.layers:
            row = {"layer": layer.name, "kind": layer.kind, "filters": width.evaluate(layer.out, widths)}
            for resource in ("params", "macs", "flops", "memory"):
                row[resource] = layer.cost(resource, widths, self.dtype_bytes)
            rows.append(row)
        for mode, resource in COUNTED.items():
            total = sum(row[resource] for row in rows)
            for row in rows:
                row[f"share_{mode}"] = row[resource] / total
        return rows

    @cached_property
    def digest(self):
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

    def to_json(self):
        mended = [
            {"module": module, "attribute": name, "index": index, "value": width.to_json(expr)}
            for module, name, index, expr in self.attributes
        ]
        return {
            "format": FORMAT,
            "version": VERSION,
            "network": self.network,
            "input_shapes": [list(s) for s in self.input_shapes],
            "dtype_bytes": self.dtype_bytes,
            "totals": self.totals,
            "groups": [{"name": g.name, "width": g.width, "members": list(g.members)} for g in self.groups],
            "layers": [
                {
                    "name": layer.name,
                    "kind": layer.kind,
                    "out": width.to_json(layer.out),
                    "inp": width.to_json(layer.inp),
                    "kernel": list(layer.kernel),
                    "bias": layer.bias,
                    "positions": layer.positions,
                    "map_positions": layer.map_positions,
                    "calls": layer.calls,
                    "source": layer.source,
                    **({"shared": True} if layer.shared else {}),
                }
                for layer in self.layers
            ],
            "slots": [
                {
                    "name": s.name,
                    "dims": [width.to_json(d) for d in s.dims],
                    "trainable": s.trainable,
                    "bytes_per_element": s.bytes_per_element,
                }
                for s in self.slots
            ],
            "matmuls": [{"positions": n, "dims": [width.to_json(e) for e in exprs]} for n, exprs in self.matmuls],
            "alive": [
                {
                    "dims": [width.to_json(d) for d in a.dims],
                    "born": a.born,
                    "dies": a.dies,
                    "bytes_per_element": a.bytes_per_element,
                }
                for a in self.alive
            ],
            "frozen": dict(self.frozen),
            "notes": list(self.notes),
            **({"attributes": mended} if mended else {}),
            **({"count_only": dict(self.count_only)} if self.count_only else {}),
        }

    def save(self, path):
        """Write the profile as JSON."""
        files.write_json(path, self.to_json())

    @classmethod
    def load(cls, path):
        """Read a profile.

        Raises:
            EdgepruneError: the file is not a profile, is damaged, or is one of a newer version.
        """
        value = files.read_json(path)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise EdgepruneError("is not a complexity profile", file=path, remedy="make one with `edgeprune profile`")
        version = value.get("version")
        if isinstance(version, bool) or version != VERSION:
            raise EdgepruneError(
                f"has format version {version}, this program reads {VERSION}",
                file=path,
                key="version",
                remedy="make the profile again with `edgeprune profile`",
            )
        profile = cls(**reading.fields(value, path))
        reading.check_totals(value, path, profile.totals)
        return profile
