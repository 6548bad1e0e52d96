"""Read what the runs of a grid left behind as flat rows, one for each run, device and runtime.

A row is a dict. Its columns are :data:`IDENTITY`, ``metric`` and ``test``/``val`` (the task's headline, unscaled),
``test_loss``, ``val_loss``, the five resources plain, with ``dense_`` and with ``reduction_`` before them, the cost of
all stages of the training (``epochs``, ``training_flops``, ``training_seconds``, ``training_joules``), what of it went
before the last stage (``earlier_epochs``, ``earlier_training_flops``), what trained it (``train_device``,
``precision``, ``train_threads``), ``checkpoint_bytes``, ``onnx_bytes``, ``device``, ``runtime`` and :data:`MEASURED`;
``accuracy`` is the test score of what was measured. What is not known is None.
"""

import statistics
from pathlib import Path

from edgeprune import files, tasks
from edgeprune.complexity.profile import RESOURCES
from edgeprune.errors import EdgepruneError
from edgeprune.peers.methods import PEERS
from edgeprune.reporting import engines

IDENTITY = ("network", "dataset", "task", "variant", "method", "mode", "target", "seed")
MEASURED = {
    "latency_p50_ms": ("latency_ms", "p50"),
    "latency_p90_ms": ("latency_ms", "p90"),
    "latency_p99_ms": ("latency_ms", "p99"),
    "latency_mean_ms": ("latency_ms", "mean"),
    "latency_std_ms": ("latency_ms", "std"),
    "latency_iterations": ("latency_ms", "iterations"),
    "latency_iqr_ms": ("latency_ms", "iqr"),
    "speedup": ("speedup",),
    "speedup_low": ("speedup_low",),
    "speedup_high": ("speedup_high",),
    "cpu_percent": ("cpu_percent",),
    "cpu_ms_per_inference": ("cpu_ms_per_inference",),
    "peak_rss_bytes": ("peak_rss_bytes",),
    "idle_rss_bytes": ("idle_rss_bytes",),
    "energy_mj": ("energy_mj",),
    "energy_source": ("energy_source",),
    "accuracy": ("accuracy",),
    "model_bytes": ("model_bytes",),
}
#: Versions of the formats that are read here.
VERSIONS = {"edgeprune.metrics": 1, "edgeprune.timing": 1, "edgeprune.measurement": 2}
#: Columns that tell the runs of one group apart, and so are not averaged.
GROUP = (
    "network",
    "dataset",
    "task",
    "variant",
    "method",
    "mode",
    "target",
    "metric",
    "device",
    "runtime",
    "energy_source",
)


def read(metrics, measurements=(), timings=()):
    """Rows of the runs, in a fixed order: network, dataset, device, runtime; dense first, then method, mode, target,
    seed.

    Args:
        metrics: paths of the runs' ``metrics.json``.
        measurements: paths of measurements of these runs, on any number of devices.
        timings: paths of ``timing.json``, each in the folder of its run's metrics.

    Raises:
        EdgepruneError: a file of another kind, two files for one run, a measurement of a run that is not there.
    """
    runs, times = {}, {Path(path).parent: path for path in timings}
    for path in metrics:
        value = _load(path, "edgeprune.metrics")
        key = _key(value, path)
        if key in runs:
            raise EdgepruneError(
                f"is a second file for the run {_name(value)}", file=path, remedy="name each file once"
            )
        runs[key] = (_run_row(value, path) | _times(times.get(Path(path).parent)), [])
    for path in measurements:
        value = _load(path, "edgeprune.measurement")
        if not value.get("run"):
            raise EdgepruneError("does not say which run it measured", file=path, remedy="measure with --metrics")
        key = _key(value["run"], path)
        if key not in runs:
            raise EdgepruneError(
                f"measures the run {_name(value['run'])}, whose metrics were not given",
                file=path,
                remedy="give the run's metrics.json too",
            )
        devices = runs[key][1]
        if any((row["device"], row["runtime"]) == (value["device"], value["runtime"]) for row in devices):
            raise EdgepruneError(
                f"is a second measurement of {_name(value['run'])} on {value['device']} in {value['runtime']}",
                file=path,
                remedy="name each file once",
            )
        devices.append(_measured_row(value))
    nothing = {"device": None, "runtime": None, **dict.fromkeys(MEASURED)}
    rows = [{**row, **device} for row, devices in runs.values() for device in devices or [nothing]]
    return sorted(rows, key=order)


def order(row):
    """Sort key of a row: the dense network comes first, then the complexity-driven plans, then the others."""
    methods = {"dense": 0, "complexity": 1}
    return (
        row["network"],
        row["dataset"],
        row["device"] or "",
        row.get("runtime") or "",
        methods.get(row["method"], 2),
        row["method"],
        {"PA": 0, "FA": 1, "MA": 2}.get(row["mode"], 3),
        row["mode"] or "",
        row["target"] or 0,
        row["variant"],
        row.get("seed") or 0,
    )


def label(row):
    """What a figure or a table calls the row's method and mode, e.g. ``PA``, ``uniform (FA)``, ``L1 (FA)``."""
    if row["method"] == "complexity":
        return row["mode"] or "budget"
    name = PEERS[row["method"]].label if row["method"] in PEERS else row["method"]
    return name if row["mode"] is None else f"{name} ({row['mode']})"


def headline(rows):
    """The :class:`edgeprune.tasks.base.Metric` that the rows share.

    Raises:
        EdgepruneError: they belong to different tasks.
    """
    names = sorted({row["task"] for row in rows})
    if len(names) != 1:
        raise EdgepruneError(f"runs of one task are wanted, not of {names}", remedy="choose one network and dataset")
    return tasks.get(names[0]).headline


def group(rows):
    """One row for the seeds of each method, mode and target: ``n``, and of every number ``<column>`` (mean) and
    ``<column>_std`` (sample standard deviation; None where fewer than two seeds have the number). What trained the runs
    is joined, see :func:`edgeprune.reporting.engines.joined`."""
    groups = {}
    for row in sorted(rows, key=order):
        groups.setdefault(tuple(row.get(key) for key in GROUP), []).append(row)
    result = []
    for key, members in groups.items():
        grouped = {**dict(zip(GROUP, key)), "n": len(members)}
        for column in members[0]:
            if column in GROUP or column == "seed" or column in engines.COLUMNS:
                continue
            values = [row[column] for row in members if row[column] is not None]
            if any(isinstance(value, str) for value in values):  # a source of energy: of all seeds, or of several kinds
                grouped[column] = ", ".join(sorted(set(values)))
                continue
            grouped[column] = statistics.fmean(values) if values else None
            grouped[f"{column}_std"] = statistics.stdev(values) if len(values) > 1 else None
        result.append(grouped | engines.joined(members))
    return sorted(result, key=order)


def select(rows, network=None, dataset=None):
    """The rows of one network on one dataset; each may be None if the rows have only one.

    Raises:
        EdgepruneError: nothing is left, or more than one network or dataset.
    """
    left = [row for row in rows if network in (None, row["network"]) and dataset in (None, row["dataset"])]
    pairs = sorted({(row["network"], row["dataset"]) for row in left})
    if len(pairs) != 1:
        found = ", ".join(f"{n} on {d}" for n, d in pairs) or "none"
        raise EdgepruneError(
            f"one network on one dataset is wanted, found: {found}", remedy="choose with --network and --dataset"
        )
    return left


def _load(path, kind):
    value = files.read_json(path)
    if not isinstance(value, dict) or value.get("format") != kind:
        raise EdgepruneError(f"is not of the format {kind}", file=path, remedy="give the file that the pipeline wrote")
    if value.get("version") != VERSIONS[kind]:
        raise EdgepruneError(
            f"has format version {value.get('version')}, this program reads {VERSIONS[kind]}", file=path, key="version",
            remedy="make the file again",
        )  # fmt: skip
    return value


def _key(value, path):
    try:
        return tuple(value[key] for key in ("network", "dataset", "variant", "seed"))
    except KeyError as error:
        raise EdgepruneError("lacks a key", file=path, key=error.args[0], remedy="make the file again") from error


def _name(value):
    return "{network}/{dataset}/{variant}/seed-{seed}".format_map(value)


def _run_row(value, path):
    try:
        metric = tasks.get(value["task"], file=path).headline
        row = {key: value[key] for key in IDENTITY}
        row["metric"] = metric.name
        for split in ("test", "val"):
            row[split], row[f"{split}_loss"] = value[split][metric.name], value[split]["loss"]
        for prefix, table in (("", "complexity"), ("dense_", "dense"), ("reduction_", "reduction")):
            for resource in RESOURCES:
                row[prefix + resource] = value[table].get(resource)
        row["epochs"], row["training_flops"] = value["cost"]["epochs"], value["cost"]["training_flops"]
        before = value["cost"].get("stages", [{}])[:-1]
        for key in ("epochs", "training_flops"):
            row[f"earlier_{key}"] = sum(stage[key] for stage in before)
        row |= engines.columns(value)
        row["checkpoint_bytes"], row["onnx_bytes"] = (value["model_bytes"][key] for key in ("checkpoint", "onnx"))
    except KeyError as error:
        raise EdgepruneError("lacks a key", file=path, key=error.args[0], remedy="train the run again") from error
    return row


def _times(path):
    cost = _load(path, "edgeprune.timing").get("cost") or {} if path else {}
    return {"training_seconds": cost.get("seconds"), "training_joules": cost.get("joules")}


def _measured_row(value):
    row = {"device": value["device"], "runtime": value["runtime"]}
    for column, keys in MEASURED.items():
        found = value
        for key in keys:
            found = None if found is None else found.get(key)
        row[column] = found
    return row
