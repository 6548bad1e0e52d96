"""A plan: how many units of each group a pruned network keeps, and what that predicts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Self

from msgspec import Meta

from edgeprune import files, typed
from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.names import RESOURCES
from edgeprune.sampling import health
from edgeprune.typed import Positive, Reductions, Resource, Totals

FORMAT, VERSION = "edgeprune.plan", 1
_AGAIN = "make the plan again with `edgeprune sample`"
Layer = Annotated[list[Positive], Meta(min_length=2, max_length=2)]
Amount = Positive | Annotated[float, Meta(gt=0)]


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
    target: int | float | None
    budget: dict[Resource, Amount] | None
    seed: int
    settings: dict[str, Any]
    dense_totals: Totals
    totals: Totals
    reduction: Reductions
    dense_widths: dict[str, Positive]
    widths: dict[str, Positive]
    layers: dict[str, Layer]
    predicted: dict[str, Any] | None = None
    profile: Profile | None = field(default=None, compare=False, repr=False)

    @classmethod
    def make(
        cls,
        profile: Profile,
        widths: Mapping[str, int],
        *,
        method: str,
        mode: str | None = None,
        target: float | None = None,
        budget: Mapping[str, float] | None = None,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        totals: Totals | None = None,
        predicted: dict[str, Any] | None = None,
    ) -> Self:
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
            budget=None if budget is None else dict(budget),
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

    def attach(self, profile: Profile) -> Self:
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

    def check(self, profile: Profile) -> None:
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

    def to_json(self) -> dict[str, Any]:
        """The plan as a JSON object, without the profile."""
        value = {"format": FORMAT, "version": VERSION} | {f.name: getattr(self, f.name) for f in fields(self)}
        del value["profile"]
        if self.predicted is None:
            del value["predicted"]
        return value | {"health": health.of(self), "slack": health.slack(self)}  # for readers; derived from the others

    def to_text(self) -> str:
        """The plan as JSON text with one group, one layer or one resource on a line."""
        entries = []
        for key, value in self.to_json().items():
            if isinstance(value, dict) and value:
                inner = ",\n".join(f"    {_dumps(k)}: {_dumps(v)}" for k, v in value.items())
                entries.append(f"  {_dumps(key)}: {{\n{inner}\n  }}")
            else:
                entries.append(f"  {_dumps(key)}: {_dumps(value)}")
        return "{\n" + ",\n".join(entries) + "\n}\n"

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON."""
        files.write_text(path, self.to_text())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a plan.

        Keys that this version does not know are ignored, so that a later one may add some.

        Raises:
            EdgepruneError: the file is not a plan, is damaged, or has a format newer than this program.
        """
        return cls.from_json(typed.read(path, FORMAT, VERSION, "a plan", "make one with `edgeprune sample`"), path)

    @classmethod
    def from_json(cls, value: Mapping[str, Any], path: str | Path | None = None) -> Self:
        """The plan of what :meth:`to_json` made; keys that this version does not know are ignored.

        Raises:
            EdgepruneError: a value is missing or impossible.
        """
        told: dict[str, Any] = {"file": path, "remedy": _AGAIN}
        plan = typed.convert({key: part for key, part in value.items() if key != "profile"}, cls, **told)
        for group in {**plan.dense_widths, **plan.widths}:
            units, dense = plan.widths.get(group), plan.dense_widths.get(group)
            if units is None or dense is None or units > dense:
                problem = f"keeps {units} of {dense} units"
                raise EdgepruneError(problem, file=path, key=f"widths.{group}", remedy="keep 1 … all of them")
        for name, (dense, kept) in plan.layers.items():
            if kept > dense:
                raise EdgepruneError(f"cannot be {[dense, kept]}: it keeps more than all", key=f"layers.{name}", **told)
        if (plan.mode is None) != (plan.target is None):
            raise EdgepruneError("goes with a mode, and a mode with it", key="target", **told)
        return plan


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
