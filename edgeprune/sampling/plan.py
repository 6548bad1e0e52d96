"""A plan: how many units of each group a pruned network keeps, and what that predicts."""

import json
import math
from dataclasses import dataclass, field, replace

from edgeprune import files
from edgeprune.complexity import width
from edgeprune.errors import EdgepruneError
from edgeprune.names import RESOURCES
from edgeprune.sampling import health

FORMAT, VERSION = "edgeprune.plan", 1
_FIELDS = {
    "network": str,
    "profile_digest": str,
    "method": str,
    "mode": (str, type(None)),
    "target": (int, float, type(None)),
    "budget": (dict, type(None)),
    "seed": int,
    "settings": dict,
    "dense_totals": dict,
    "totals": dict,
    "reduction": dict,
    "dense_widths": dict,
    "widths": dict,
    "layers": dict,
}


@dataclass(frozen=True)
class Plan:
    """Widths of a pruned network, with what they were asked for and what they predict.

    Attributes:
        network: name of the profile's network.
        profile_digest: :attr:`Profile.digest <edgeprune.complexity.profile.Profile.digest>` of the profile it was
            drawn for; a plan fits no other.
        method: ``"complexity"``, ``"uniform"``, ``"random"``, ``"dense"``, or another method's name.
        mode: ``"PA"``, ``"FA"``, ``"MA"``, ``"LA"``, ``"EA"``; None where a budget was asked for, and for ``dense``.
        target: fraction of the mode's resource to remove; None like ``mode``.
        budget: what may remain of each resource, as asked for (see :func:`edgeprune.sampling.sample.sample`), or None.
        seed: seed of the draws.
        settings: ``prunable``, ``min_channels``, ``protect``, ``round_to``, ``draw``.
        dense_totals: params, macs, flops, memory (bytes), peak_memory (bytes) of the dense network.
        totals: the same after pruning, as predicted.
        reduction: ``{resource: fraction removed}``.
        dense_widths: ``{group: units}`` of the dense network.
        widths: ``{group: units kept}``, every group.
        layers: ``{layer: [dense filters, kept filters]}``, every layer.
        predicted: of the measured modes, what the device's table predicts (``resource``, ``unit``, ``dense``,
            ``pruned``, ``device``, ``table_sha256`` …); None for the others, and not in their files.
        profile: the profile, if attached; neither saved nor compared.
    """

    network: str
    profile_digest: str
    method: str
    mode: str | None
    target: float | None
    budget: dict | None
    seed: int
    settings: dict
    dense_totals: dict
    totals: dict
    reduction: dict
    dense_widths: dict
    widths: dict
    layers: dict
    predicted: dict | None = None
    profile: object = field(default=None, compare=False, repr=False)

    @classmethod
    def make(
        cls,
        profile,
        widths,
        *,
        method,
        mode=None,
        target=None,
        budget=None,
        seed=0,
        settings=None,
        totals=None,
        predicted=None,
    ):
        """The plan that keeps ``widths`` (``{group: units}``; a group left out stays dense) of ``profile``.

        Raises:
            EdgepruneError: a group that the profile does not have, or a width outside 1 … dense width.
        """
        for group, units in widths.items():
            dense = profile.widths.get(group)
            if dense is None:
                raise EdgepruneError(f"the profile of {profile.network} has no group {group!r}", key="widths")
            if not 1 <= units <= dense:
                raise EdgepruneError(f"{units} is not between 1 and the dense width {dense}", key=f"widths.{group}")
        widths = {**profile.widths, **widths}
        totals, dense = totals or profile.totals_at(widths), profile.totals
        return cls(
            network=profile.network,
            profile_digest=profile.digest,
            method=method,
            mode=mode,
            target=target,
            budget=budget,
            seed=seed,
            settings=dict(settings or {}),
            dense_totals=dict(dense),
            totals=dict(totals),
            reduction={r: (dense[r] - totals[r]) / dense[r] if dense[r] else 0.0 for r in dense},
            dense_widths=dict(profile.widths),
            widths=widths,
            layers={
                layer.name: [width.evaluate(layer.out, profile.widths), width.evaluate(layer.out, widths)]
                for layer in profile.layers
            },
            predicted=predicted,
            profile=profile,
        )

    def attach(self, profile):
        """This plan with ``profile`` at :attr:`profile`.

        Raises:
            EdgepruneError: the plan was drawn for another profile, or its widths are not those of its layers and
                totals (somebody edited the file).
        """
        self.check(profile)
        made = Plan.make(profile, self.widths, method=self.method)
        # Peak memory depends on the order of the operators as well, which the digest leaves out.
        for resource in (r for r in RESOURCES if r != "peak_memory"):
            if self.totals[resource] != made.totals[resource]:
                raise EdgepruneError(
                    f"is {self.totals[resource]:,} in the plan, but its widths make {made.totals[resource]:,}",
                    key=f"totals.{resource}",
                    remedy="widths are not to be edited by hand: draw the plan again, or make one with Plan.make",
                )
        for layer, filters in made.layers.items():
            if list(self.layers.get(layer, ())) != filters:
                raise EdgepruneError(
                    f"is {self.layers.get(layer)} in the plan, but its widths make {filters}",
                    key=f"layers.{layer}",
                    remedy="draw the plan again, or make one with Plan.make",
                )
        return replace(self, profile=profile)

    def check(self, profile):
        """Refuse a profile that the plan was not drawn for.

        Raises:
            EdgepruneError: the digests differ; the message names the first group that does, if one does.
        """
        if self.profile_digest == profile.digest:
            return
        detail = ""
        for group in {**self.dense_widths, **profile.widths}:
            ours, theirs = self.dense_widths.get(group), profile.widths.get(group)
            if ours != theirs:
                show = ["absent" if w is None else f"{w} units" for w in (ours, theirs)]
                detail = f" (group {group!r}: {show[0]} in the plan, {show[1]} in the network)"
                break
        raise EdgepruneError(
            f"the plan was drawn for another network than {profile.network!r}{detail}",
            key="profile_digest",
            remedy="draw the plan again from this network's profile, with the same input shape",
        )

    def to_json(self):
        """The plan as a JSON object, without the profile."""
        value = {"format": FORMAT, "version": VERSION} | {name: getattr(self, name) for name in _FIELDS}
        value |= {} if self.predicted is None else {"predicted": self.predicted}
        return value | {"health": health.of(self), "slack": health.slack(self)}  # for readers; derived from the others

    def to_text(self):
        """The plan as JSON text with one group, one layer or one resource on a line."""
        entries = []
        for key, value in self.to_json().items():
            if isinstance(value, dict) and value:
                inner = ",\n".join(f"    {_dumps(k)}: {_dumps(v)}" for k, v in value.items())
                entries.append(f"  {_dumps(key)}: {{\n{inner}\n  }}")
            else:
                entries.append(f"  {_dumps(key)}: {_dumps(value)}")
        return "{\n" + ",\n".join(entries) + "\n}\n"

    def save(self, path):
        """Write the plan as JSON."""
        files.write_text(path, self.to_text())

    @classmethod
    def load(cls, path):
        """Read a plan.

        Keys that this version does not know are ignored, so that a later one may add some.

        Raises:
            EdgepruneError: the file is not a plan, is damaged, or has a format newer than this program.
        """
        value = files.read_json(path)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise EdgepruneError("is not a plan", file=path, remedy="make one with `edgeprune sample`")
        version = value.get("version")
        if not _whole(version) or not 1 <= version <= VERSION:
            raise EdgepruneError(
                f"has format version {version}, this program reads up to {VERSION}",
                file=path,
                key="version",
                remedy="update edgeprune, or make the plan again with `edgeprune sample`",
            )
        again = "make the plan again with `edgeprune sample`"
        for name, kinds in _FIELDS.items():
            if name not in value:
                raise EdgepruneError("is missing", file=path, key=name, remedy=again)
            if not isinstance(value[name], kinds) or isinstance(value[name], bool):
                raise EdgepruneError(f"cannot be {value[name]!r}", file=path, key=name, remedy=again)
        dense, kept = value["dense_widths"], value["widths"]
        for group in {**dense, **kept}:
            units, limit = kept.get(group), dense.get(group)
            if not (_whole(units) and _whole(limit) and 1 <= units <= limit):
                raise EdgepruneError(
                    f"keeps {units} of {limit} units", file=path, key=f"widths.{group}", remedy="keep 1 … all of them"
                )
        for name, layer in value["layers"].items():
            if not (isinstance(layer, list) and len(layer) == 2 and all(map(_whole, layer)) and layer[1] <= layer[0]):
                raise EdgepruneError(f"cannot be {layer!r}", file=path, key=f"layers.{name}", remedy=again)
        for name in ("dense_totals", "totals", "reduction"):
            for resource in RESOURCES:
                if resource not in value[name]:
                    raise EdgepruneError("is missing", file=path, key=f"{name}.{resource}", remedy=again)
                number = value[name][resource]
                if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
                    raise EdgepruneError(f"cannot be {number!r}", file=path, key=f"{name}.{resource}", remedy=again)
        if (value["mode"] is None) != (value["target"] is None):
            raise EdgepruneError("goes with a mode, and a mode with it", file=path, key="target", remedy=again)
        for resource, allowed in (value["budget"] or {}).items():
            known = resource in RESOURCES and isinstance(allowed, (int, float)) and not isinstance(allowed, bool)
            if not known or not allowed > 0:
                raise EdgepruneError(f"cannot be {allowed!r}", file=path, key=f"budget.{resource}", remedy=again)
        if not isinstance(value.get("predicted"), (dict, type(None))):
            raise EdgepruneError(f"cannot be {value['predicted']!r}", file=path, key="predicted", remedy=again)
        return cls.from_json(value)

    @classmethod
    def from_json(cls, value):
        """The plan of what :meth:`to_json` made, unchecked; keys that this version does not know are ignored."""
        return cls(**{name: value[name] for name in _FIELDS}, predicted=value.get("predicted"))


def _whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _dumps(value):
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
