"""Torch-Pruning, asked for the filters that a baseline removes at some ratio."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgeprune.baselines import methods
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.problem import Problem

if TYPE_CHECKING:
    from torch_pruning.dependency import Group

#: Ratios are multiples of 1 / STEPS, finer than any two widths of a layer can tell apart.
STEPS = 1 << 16


class Ranking:
    """The order in which a trained network loses its filters.

    Args:
        model: the trained network, which :meth:`remove` prunes in place.
        problem: an :class:`edgeprune.sampling.problem.Problem`: what may be pruned, and how far.
        baseline: a :class:`edgeprune.baselines.methods.Baseline`.
    """

    def __init__(self, model: nn.Module, problem: Problem, baseline: methods.Baseline) -> None:
        self._importance = methods.importance(baseline)
        self._scores: dict[nn.Module, Tensor] = {}
        from torch_pruning.pruner import BasePruner

        profile, modules = problem.profile, dict(model.named_modules())
        names = problem.costs.names
        self.problem, self.baseline = problem, baseline
        self.floor = {names[i]: problem.floor[i] for i in problem.eligible}
        self.units: dict[nn.Module, tuple[str, int]] = {}  # group, and channels of a unit
        ignored = []
        for layer in profile.layers:
            if any(group not in self.floor for _, group in layer.out):
                ignored.append(modules[layer.name])
            elif len(layer.out) == 1 and (group := layer.out[0][1]) is not None:
                self.units[modules[layer.name]] = (group, layer.out[0][0])
        device = next(model.parameters()).device
        self.pruner = BasePruner(
            model,
            [torch.zeros(1, *shape, device=device) for shape in profile.input_shapes],  # pyrefly: ignore[bad-argument-type]
            importance=self._score,
            global_pruning=baseline.across,
            ignored_layers=ignored,
            round_to=problem.settings["round_to"],
            # the defaults of these are dicts that all pruners of a process would share
            in_channel_groups={},
            out_channel_groups={},
            num_heads={},
            # each layer a scope of its own, whose ratio stops at its floor
            pruning_ratio_dict=None  # pyrefly: ignore[bad-argument-type]
            if baseline.across
            else dict.fromkeys(self.units, 0.5),
        )
        self._most = 1.0
        if baseline.across:
            self.removed(1)  # fills the scores
            total = sum(len(s) for s in self._scores.values())
            kept = sum(int(s.isinf().sum()) for s in self._scores.values())
            self._most = 1 - (kept + 0.5) / total if total else 0.0

    def removed(self, step: int) -> dict[str, list[int]]:
        """``{group: indices of the units that go}`` at the ratio ``step / STEPS`` of what can go; nothing is pruned.

        Raises:
            EdgepruneError: Torch-Pruning takes other channels of one layer than of another that is coupled to it.
        """
        found = {}
        for group in self._groups(step):
            self._note(group, found)
        return {name: sorted(units) for name, units in found.items()}

    def remove(self, step: int, spared: Container[str] = ()) -> None:
        """Prune the network as :meth:`removed` says, the groups in ``spared`` as it says for one step less."""
        for group in self._groups(step, spared):
            group.prune()

    def _groups(self, step: int, spared: Container[str] = ()) -> Iterable[Group]:
        ratio, less = (self._most * s / STEPS for s in (step, step - 1))
        self.pruner.reset()
        self.pruner.per_step_pruning_ratio = [0.0, ratio]
        if not self.baseline.across:
            for module, (group, _) in self.units.items():
                dense = self.problem.profile.widths[group]
                most = 1 - (self.floor[group] + 1e-6) / dense  # rounded down, that keeps the floor
                ratios = [0.0, min(less if group in spared else ratio, most)]
                self.pruner.pruning_ratio_dict[module] = ratios  # pyrefly: ignore[unsupported-operation]
        return self.pruner.step(interactive=True) or ()

    def _note(self, group: Group, found: dict[str, set[int]]) -> None:
        graph, here = self.pruner.DG, {}
        for dependency, indices in group:
            module = dependency.target.module
            if module in self.units and graph.is_out_channel_pruning_fn(dependency.handler):
                name, channels = self.units[module]
                units = {int(i) // channels for i in indices}
                if here.setdefault(name, units) != units or len(units) * channels != len(indices):
                    raise EdgepruneError(
                        f"Torch-Pruning does not remove whole units of {name!r}, as the layers coupled there need it"
                    )
        found |= here

    def _score(self, group: Group) -> Tensor | None:
        """The library's importance, computed once; where all layers compete, a layer's best are out of reach."""
        root = group[0].dep.target.module
        if root not in self._scores:
            scores = self._importance(group)
            if scores is None:
                return None
            if self.baseline.across and root in self.units:
                best = torch.topk(scores, min(self.floor[self.units[root][0]], len(scores))).indices
                scores = scores.clone()
                scores[best] = float("inf")
            self._scores[root] = scores
        return self._scores[root]
