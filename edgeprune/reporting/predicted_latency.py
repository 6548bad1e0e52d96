"""Predicted beside measured latency of a grid's runs, as rows and as a caption for the report."""

from edgeprune import files, identity
from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import planned, runs
from edgeprune.reporting.captions import escape
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.predicted_latency import latency
from edgeprune.sampling.table import CostTable

#: What tells a plan from another where its place does not say which run it is of.
_PLAN = ("method", "mode", "target")
_RUN = ("variant", *_PLAN, "reference", "budget", "plan_seed", "seed")


def read(table, profile, plans, measurements):
    """One row for each run that was measured on the table's device.

    Args:
        table, profile: files of the table and of the network's profile.
        plans, measurements: files of the runs' plans and measurements, in any order.

    Returns:
        list of dict: ``variant, method, mode, target, reference, budget, plan_seed, seed, predicted_ms, measured_ms,
        error`` (of the prediction, as a fraction of what was measured), dense first. A run that was not measured (the
        device was away) is left out.

    Raises:
        EdgepruneError: a file of another kind, network or device, or a measurement without its plan.
    """
    table, profile = CostTable.load(table), Profile.load(profile)
    predicted, rows = {}, []
    for path in plans:
        plan = Plan.load(path)
        plan.check(profile)
        key = planned.run_of(path) or (*(getattr(plan, key) for key in _PLAN), plan.seed)
        predicted[key] = latency(profile, table, plan.widths)
    for path in measurements:
        value = files.read_json(path)
        run = value.get("run") if isinstance(value, dict) and value.get("format") == "edgeprune.measurement" else None
        if not run or value["device"] != table.device:
            raise EdgepruneError(f"is not a run's measurement on {table.device}", file=path, remedy="give one that is")
        run = identity.completed(run)
        name = identity.seed_name(run["plan_seed"], run["seed"])
        keys = (run["variant"], name), (*(run[part] for part in _PLAN), run["plan_seed"])
        found = next((predicted[key] for key in keys if key in predicted), None)
        if found is None:
            raise EdgepruneError(f"measures {run['variant']} of seed {name}, whose plan was not given", file=path)
        if value["latency_ms"] is None:
            continue
        measured = value["latency_ms"]["p50"]
        row = {key: run[key] for key in _RUN} | {"predicted_ms": found}
        rows.append(row | {"measured_ms": measured, "error": (found - measured) / measured})
    return sorted(rows, key=lambda row: (not runs.is_dense(row), row["variant"], row["plan_seed"], row["seed"]))


def mean_error(rows):
    """The mean absolute error as a fraction; None without rows."""
    return sum(abs(row["error"]) for row in rows) / len(rows) if rows else None


def caption(network, dataset, device, rows):
    """Of the figure, in reStructuredText: the mean error, and the largest one."""
    head = (
        f"**Predicted against measured latency of {escape(network)} on {escape(dataset)}, on {escape(device)}.** The "
        "prediction is the sum of the layers' costs in the device's table at the plan's widths; measured is the median "
        "of the trained network. The band is ±15 %."
    )
    if not rows:
        return head + " No run was measured.\n"
    worst = max(rows, key=lambda row: abs(row["error"]))
    return (
        f"{head}\n\n- Mean absolute error over {len(rows)} run{'s' if len(rows) > 1 else ''}: "
        f"{100 * mean_error(rows):.1f} %.\n- Largest: {escape(worst['variant'])} of seed "
        f"{identity.seed_name(worst['plan_seed'], worst['seed'])}, predicted "
        f"{worst['predicted_ms']:.3f} ms, measured {worst['measured_ms']:.3f} ms ({100 * worst['error']:+.1f} %).\n"
    ).replace("(-", "(−")
