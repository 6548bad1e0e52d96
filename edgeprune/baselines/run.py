"""The second stage of a baseline, from file to file: a run's checkpoint in, a plan and the pruned weights out."""

import sys
from pathlib import Path
from typing import Any

import torch

from edgeprune import files
from edgeprune.baselines.prune import prune_trained
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.sampling.plan import Plan
from edgeprune.training import checkpoint, cost
from edgeprune.training.clock import Clock
from edgeprune.training.restore import load_model


def run(
    *,
    dense: str | Path,
    profile: str | Path,
    method: str,
    mode: str,
    target: float,
    seed: int,
    variant: str,
    out: str | Path,
    settings: dict[str, Any] | None = None,
    plan_seed: int | None = None,
) -> Plan:
    """Prune the network of a dense run and write what its fine-tuning starts from.

    Args:
        dense: ``model.pt`` of the dense run of the same seeds.
        profile: file of the dense network's profile.
        method, mode, target, settings: see :func:`edgeprune.baselines.prune.prune_trained`.
        seed: of the run's training.
        plan_seed: of the dense run's plan, where it is another; noted in the plan.
        variant: the run's key in the grid.
        out: folder for ``plan.json``, ``model.pt``, and the stage's own ``cost.json`` and ``timing.json``.

    Returns:
        Plan: what is kept.

    Raises:
        EdgepruneError: the checkpoint is not one of a dense run of this seed, or the network cannot be pruned so.
    """
    clock = Clock(torch.device("cpu"))  # where the pruning runs
    torch.set_num_threads(1)  # sums in another order could rank two filters the other way round
    whole, folder = Profile.load(profile), Path(out)
    model, value = load_model(dense)
    if dict(value["widths"]) != whole.widths or value["seed"] != seed:
        raise EdgepruneError(
            f"is of the variant {value['variant']} and seed {value['seed']}, not of the dense network and seed {seed}",
            file=dense,
            remedy="give the model.pt of the dense run of the same seed",
        )
    noted = seed if plan_seed is None else plan_seed
    module, plan = prune_trained(model, whole, method=method, mode=mode, target=target, seed=noted, settings=settings)
    own = {"variant": variant, "plan": plan.to_json(), "widths": dict(plan.widths)}
    kept = {key: part for key, part in value.items() if key not in ("format", "version", "recipe", "epochs")}
    plan.save(folder / "plan.json")
    checkpoint.save(folder / "model.pt", kept | own | {"state_dict": checkpoint.weights(module)})
    stage = cost.work("prune", variant, 0, 0, plan.dense_totals["flops"])
    files.write_json(
        folder / "cost.json", {"format": "edgeprune.stage", "version": 1, "cost": cost.total_work([stage])}
    )
    seconds, joules = clock.read()
    spent = {"name": "prune", "variant": variant, "seconds": seconds, "joules": joules, "reason": clock.reason}
    files.write_json(
        folder / "timing.json", {"format": "edgeprune.timing", "version": 1, "cost": cost.total_time([spent])}
    )
    removed = ", ".join(f"{r} {100 * fraction:.1f} %" for r, fraction in plan.reduction.items())
    print(f"{plan.network} {plan.method} {plan.mode} seed {plan.seed}, removed: {removed}", file=sys.stderr)
    return plan
