"""The columns of a row: what of a run's metrics, times and measurements the tables and figures know it by."""

from pathlib import Path
from typing import Any

from edgeprune import files, identity, tasks
from edgeprune.errors import EdgepruneError
from edgeprune.names import IDENTITY, INT8, LATER, RESOURCES
from edgeprune.reporting import Row, engines
from edgeprune.tasks.base import Task

#: The version of each kind of file that is understood.
VERSIONS = {"edgeprune.metrics": 1, "edgeprune.timing": 1, "edgeprune.measurement": 3, "edgeprune.baseline": 1}
#: Stages of a training by their names in ``cost.stages``; a single pass has only the first.
STAGES = ("train", "prune", "finetune")
#: Columns of what a measurement says of the latency, and the keys there.
LATENCY = {f"latency_{key}_ms": key for key in ("p50", "p90", "p99", "mean", "std")}
LATENCY |= {"latency_iterations": "iterations", "latency_iqr_ms": "iqr"}
#: Columns of what else it found, under their own names.
FOUND = (
    "speedup", "speedup_low", "speedup_high", "resolution", "cpu_percent", "cpu_ms_per_inference", "peak_rss_bytes",
    "idle_rss_bytes", "model_rss_bytes", "model_bytes", "energy_mj", "energy_source", "accuracy",
)  # fmt: skip
#: Text columns that differ between the runs of a group; a group has the texts that occur, one after another.
NOTES = ("energy_source", "latency_reason", "energy_reason", "measuring_warning")
#: Columns of :mod:`edgeprune.reporting.latency`.
COMPARED = ("dense_latency_ms", "latency_ms", "latency_ms_low", "latency_ms_high")
#: All that a row on no device lacks.
UNMEASURED = dict.fromkeys(
    ("device", "runtime", *LATENCY, *COMPARED, *FOUND, "unreachable", *NOTES, "measurement_file")
)
#: The files that a run's row is from.
FILES = ("metrics_file", "measurement_file")
#: Columns of scores without each part of the images.
LEFT_OUT = ("val_left_out", "own_left_out")
#: Columns that hold text; all others hold numbers.
TEXT = ("network", "dataset", "task", "variant", "method", "mode", "reference", "budget", "metric", "device", "runtime",
        *NOTES, *FILES, *LEFT_OUT, "train_device", "precision")  # fmt: skip
#: Columns of whole numbers, whatever a spreadsheet made of them.
WHOLE = ("seed", "plan_seed", "epochs", "train_threads")


def load(path: str | Path, kind: str) -> dict[str, Any]:
    """A file of the format ``kind``.

    Raises:
        EdgepruneError: it is of another format or version.
    """
    value = files.read_json(path)
    if not isinstance(value, dict) or value.get("format") != kind:
        raise EdgepruneError(f"is not of the format {kind}", file=path, remedy="give the file that the pipeline wrote")
    wanted = VERSIONS[kind]
    if value.get("version") != wanted:
        raise EdgepruneError(
            f"has format version {value.get('version')}, this program reads {wanted}", file=path, key="version",
            remedy="edgeprune remeasure --results results/<preset>, then snakemake again"
            if kind == "edgeprune.measurement"
            else "make the file again",
        )  # fmt: skip
    return value


def of_run(value: dict[str, Any], path: str | Path) -> Row:
    """Of a run's ``metrics.json``: who it is, its scores, its complexity, what its training counted, and the file."""
    try:
        task = tasks.get(value["task"], file=path)
        metric = task.headline
        value = identity.completed(value)
        row = {key: value[key] for key in (*IDENTITY, *LATER)}
        row["metric"] = metric.name
        for split in ("test", "val"):
            row[split], row[f"{split}_loss"] = value[split][metric.name], value[split]["loss"]
        for prefix, table in (("", "complexity"), ("dense_", "dense"), ("reduction_", "reduction")):
            for resource in RESOURCES:
                row[prefix + resource] = value[table].get(resource)
        health = value.get("health") or {}  # files of earlier versions lack it
        row["narrowest_kept"], row["harmonic_kept"] = health.get("narrowest_kept"), health.get("harmonic_mean")
        row["epochs"], row["training_flops"] = value["cost"]["epochs"], value["cost"]["training_flops"]
        stages = value["cost"].get("stages", [])
        for key in ("epochs", "training_flops"):
            row[f"earlier_{key}"] = sum(stage[key] for stage in stages[:-1])
        row |= _by_stage("training_flops", stages, "training_flops", row["training_flops"])
        row |= engines.columns(value)
        row["checkpoint_bytes"], row["onnx_bytes"] = (value["model_bytes"][key] for key in ("checkpoint", "onnx"))
        row |= uncertain(value.get("val_uncertainty"))
        row["metrics_file"] = str(path)
        row |= further(task, "test", value["test"]) | further(task, "val", value["val"])
    except KeyError as error:
        raise EdgepruneError("lacks a key", file=path, key=error.args[0], remedy="train the run again") from error
    return row


def uncertain(found: dict[str, Any] | None, prefix: str = "val_") -> Row:
    """``val_images``, and ``val_left_out``: the validation score without each part of the images, as a text; see
    :mod:`edgeprune.tasks.jackknife`. None of runs of earlier versions."""
    left_out = found and found["left_out"]
    return {
        f"{prefix}images": found and found["images"],
        f"{prefix}left_out": left_out and " ".join(map(repr, left_out)),
    }


def further(task: type[Task], prefix: str, scores: dict[str, Any]) -> Row:
    """``<prefix>_<metric>`` of the task's metrics after the headline; with an IoU per class ``<prefix>_iou_<class>``.

    Raises:
        KeyError: a metric is missing.
    """
    found = {f"{prefix}_{metric.name}": scores[metric.name] for metric in task.metrics[1:]}
    return found | {f"{prefix}_iou_{name}": value for name, value in scores.get("iou", {}).items()}


def of_times(path: str | Path | None) -> Row:
    """Of the ``timing.json`` beside it (None if there is none): seconds and joules, whole and stage by stage."""
    cost = load(path, "edgeprune.timing").get("cost") or {} if path else {}
    row = {}
    for name in ("seconds", "joules"):
        row[f"training_{name}"] = cost.get(name)
        row |= _by_stage(f"training_{name}", cost.get("stages", []), name, cost.get(name))
    return row


def of_measurement(value: dict[str, Any], path: str | Path) -> Row:
    """Of a measurement: the place and what was found there; null numbers come with the reason."""
    latency, reasons = value.get("latency_ms") or {}, value.get("reasons") or {}
    row = {**UNMEASURED, "device": value["device"], "runtime": value.get("runtime"), "measurement_file": str(path)}
    row |= {column: latency.get(key) for column, key in LATENCY.items()} | {key: value.get(key) for key in FOUND}
    beside = (value.get("reference") or {}).get("latency_ms") or {}
    row["dense_latency_ms"] = beside.get("p50")
    row["unreachable"] = int(bool(value.get("unreachable")))
    row["measuring_warning"] = "; ".join(value.get("warnings") or []) or None
    if row["latency_p50_ms"] is None:
        known = (reasons.get(key) for key in ("unreachable", "unsupported", "latency_ms", "device", "latency"))
        row["latency_reason"] = next(filter(None, known), None) or "not measured, no reason is on record"
    if row["energy_mj"] is None:
        row["energy_reason"] = reasons.get("energy_mj") or reasons.get("energy_reason") or row["latency_reason"]
    return row


def of_file(row: Row, own: dict[str, Any] | None = None) -> Row:
    """Of the very file that ran there: ``score``, its test score, ``file_bytes``, its size, and ``score_<name>``, what
    ``test_<name>`` is of the run; of a quantised one ``own_val`` and ``own_left_out``, on validation.

    The exported fp32 file computes what the trained network does, and is the one where none was measured. A quantised
    one has only what was measured of itself: ``own``, the ``scores`` of its measurement.
    """
    others = {key: value for key, value in row.items() if key.startswith("test_") and key != "test_loss"}
    others = {f"score_{key.removeprefix('test_')}": value for key, value in others.items()}
    others |= {"own_val": None, "own_left_out": None}
    if is_int8(row):
        others = dict.fromkeys(others)
        if own:
            task = tasks.get(row["task"])
            others |= further(task, "score", own["test"]) | uncertain(own["val_uncertainty"], "own_")
            others["own_val"] = own["val"][task.headline.name]
            del others["own_images"]  # the run's
        return {"score": row["accuracy"], "file_bytes": row["model_bytes"], **others}
    return {
        "score": row["test"],
        "file_bytes": row["onnx_bytes"] if row["model_bytes"] is None else row["model_bytes"],
        **others,
    }


def is_int8(row: Row) -> bool:
    """Whether what ran there is the quantised file, by whichever runtime."""
    return row["runtime"] in INT8


def _by_stage(name: str, stages: list[dict[str, Any]], key: str, whole: float | None) -> Row:
    """``{stage_<stage>_<name>: value}``; without stages on record there was one, the training."""
    stages = stages or [{"name": "train", key: whole}]
    row = {f"stage_{stage}_{name}": None for stage in STAGES}
    for stage in stages:
        column = f"stage_{stage['name']}_{name}"
        if stage.get(key) is not None:
            row[column] = (row.get(column) or 0) + stage[key]
    return row
