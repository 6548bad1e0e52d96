"""Read what the runs of a grid left behind as flat rows, one for each run and place where it was measured.

A *place* is a device with a runtime. A row is a dict. Its columns are the keys of :mod:`edgeprune.identity`, ``metric``
and ``test``/``val`` (the task's headline, unscaled), ``test_loss``, ``val_loss``, the five resources plain,
with ``dense_`` and with ``reduction_`` before them, the cost of all stages of the training (``epochs``,
``training_flops``, ``training_seconds``, ``training_joules``), what of it went before the last stage
(``earlier_epochs``, ``earlier_training_flops``) and into each (``stage_<stage>_training_<flops|seconds|joules>``),
how thin its plan leaves it (``narrowest_kept``, ``harmonic_kept``, see :mod:`edgeprune.sampling.health`),
what trained it (``train_device``, ``precision``, ``train_threads``),
``checkpoint_bytes``, ``onnx_bytes``, ``device``, ``runtime``, the numbers that were measured there, the latency to
compare by (``latency_ms``, see :mod:`edgeprune.reporting.latency`), the reason where there are none
(``latency_reason``, ``energy_reason``), the files that all this is from (``metrics_file``,
``measurement_file``), and of the very file that ran there ``score`` (its test score) and ``file_bytes``. How sure the
validation score is, is in ``val_images`` and ``val_left_out`` (:func:`edgeprune.reporting.columns.uncertain`); a
quantised file's own validation score is ``own_val``, with ``own_left_out``. Where a task
has further metrics, or an IoU per class: ``test_<metric>``, ``val_<metric>``, ``test_iou_<class>``, and ``score_<...>``
of the very file. What is not known is None.

``reference`` says whose a row is: an entry of the configuration's ``references``, or the main method where it is None.
"""

import csv
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeprune import identity, tasks
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES, MAIN, MODES
from edgeprune.reporting import Row, columns, difference, engines, latency
from edgeprune.sampling.methods import methods
from edgeprune.tasks.base import Metric

#: Columns that tell the runs of one group apart, and so are not averaged.
GROUP = (
    "network", "dataset", "task", "variant", "method", "mode", "target", "reference", "budget", "metric", "device",
    "runtime",
)  # fmt: skip
#: Columns of a run that a group has no mean of.
OF_ONE = ("seed", "plan_seed", *columns.FILES)
_RANKS = {mode: rank for rank, mode in enumerate(MODES)}


def read(
    metrics: Iterable[str | Path], measurements: Iterable[str | Path] = (), timings: Iterable[str | Path] = ()
) -> list[Row]:
    """Rows of the runs, in a fixed order: network, dataset, place, dense first, then method, mode, target, seed.

    Args:
        metrics: paths of the runs' ``metrics.json``.
        measurements: paths of measurements of these runs, on any number of devices.
        timings: paths of ``timing.json``, each in the folder of its run's metrics.

    Raises:
        EdgepruneError: a file of another kind, two files for one run, a measurement of a run that is not there.
    """
    runs, measured, times = {}, {}, {Path(path).parent: path for path in timings}
    for path in metrics:
        value = columns.load(path, "edgeprune.metrics")
        key = _key(value, path)
        if key in runs:
            raise EdgepruneError(f"is a second file for the run {key}", file=path, remedy="name each file once")
        runs[key] = columns.of_run(value, path) | columns.of_times(times.get(Path(path).parent))
    for path in measurements:
        value = columns.load(path, "edgeprune.measurement")
        if not value.get("run"):
            raise EdgepruneError("does not say which run it measured", file=path, remedy="measure with --metrics")
        key = _key(value["run"], path)
        if key not in runs:
            problem = f"measures the run {key}, whose metrics were not given"
            raise EdgepruneError(problem, file=path, remedy="give the run's metrics.json too")
        found, places = columns.of_measurement(value, path), measured.setdefault(key, {})
        if place(found) in places:
            problem = f"is a second measurement of {key} on {place(found)}"
            raise EdgepruneError(problem, file=path, remedy="name each file once")
        places[place(found)] = found, value.get("scores")
    rows = [
        row | found | columns.of_file(row | found, own)
        for key, row in runs.items()
        for found, own in measured.get(key, {None: (columns.UNMEASURED, None)}).values()
    ]
    return sorted(latency.comparable(rows), key=order)


def read_csv(path: str | Path) -> list[Row]:
    """The rows of a ``runs.csv`` that the pipeline wrote, numbers as numbers, empty cells as None.

    Raises:
        EdgepruneError: there is no such file.
    """
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            rows = [{k: _value(k, v) for k, v in row.items()} for row in csv.DictReader(stream)]
            return latency.comparable(identity.completed(row) for row in rows)
    except FileNotFoundError as error:
        raise EdgepruneError("there is no such file", file=path, remedy="run the preset first") from error
    except ValueError as error:
        raise EdgepruneError(f"is not a table of runs ({error})", file=path, remedy="make it again") from error


def read_tables(paths: Iterable[str | Path]) -> list[Row]:
    """The rows of several of these tables, in the order of :func:`read`.

    Raises:
        EdgepruneError: there is no such file, or two have runs of the same network on the same dataset.
    """
    rows, pairs = [], set()
    for path in paths:
        more = read_csv(path)
        for network, dataset in sorted({(row["network"], row["dataset"]) for row in more}):
            if (network, dataset) in pairs:
                problem = f"has runs of {network} on {dataset}, as another table has"
                raise EdgepruneError(problem, file=path, remedy="name one table for each network and dataset")
            pairs.add((network, dataset))
        rows += more
    return sorted(rows, key=order)


def of_folder(results: str | Path) -> list[Row]:
    """The rows of ``results/<preset>``: of its table of runs, or of what the table is made of.

    Raises:
        EdgepruneError: there are none.
    """
    folder = Path(results)
    table = folder / "draw_figures" / "runs.csv"
    if table.is_file():
        return read_csv(table)
    metrics = sorted(folder.glob("train_network/*/*/*/seed-*/metrics.json"))
    if not metrics:
        raise EdgepruneError(
            "holds no results", file=results, key="--results",
            remedy=f"run the preset, or `dvc pull {folder / 'draw_figures'}`",
        )  # fmt: skip
    timings = [path.with_name("timing.json") for path in metrics if path.with_name("timing.json").is_file()]
    return read(metrics, sorted(folder.glob("measure_model/*/*/*/*/*/seed-*.json")), timings)


def _value(column: str, text: str | None) -> str | float | None:
    if text == "" or text is None:
        return None
    if column in columns.TEXT:
        return text
    whole = text.lstrip("-").isdecimal()
    return int(text) if whole else int(float(text)) if column in columns.WHOLE else float(text)


def place(row: Row) -> str | None:
    """Where a row was measured, as people read it: ``board (int8)``; None if nowhere."""
    if row["device"] is None:
        return None
    return row["device"] + (f" ({row['runtime']})" if row.get("runtime") else "")


def measured_at(rows: Iterable[Row]) -> list[str]:
    """The places where rows were measured, each once, in the order of the rows."""
    return [where for where in dict.fromkeys(map(place, rows)) if where]


def once(rows: Iterable[Row]) -> list[Row]:
    """Each run once: one measured at several places is one run, as far as what was counted goes."""
    nowhere = {identity.folder(row): row | columns.UNMEASURED for row in rows}
    return [row | columns.of_file(row) for row in nowhere.values()]


def is_main(row: Row) -> bool:
    """Whether a row is of the main method, as the grid has it; an entry of `references` that varies it is not."""
    return row["method"] == MAIN and not row.get("reference")


def is_dense(row: Row) -> bool:
    """Whether a row is of the dense network that all is compared with."""
    return row["method"] == "dense" and row.get("reference") in (None, "dense")


def is_named(row: Row) -> bool:
    """Whether a row is of a reference that has a name of its own, and not its method's."""
    return bool(row.get("reference")) and row["reference"] != row["method"]


def is_rival(row: Row, ours: Row) -> bool:
    """Whether a row of a reference was asked for the same as a row of the main method."""
    same = all(row.get(key) == ours.get(key) for key in ("mode", "target", "budget"))
    return same and row["method"] != "dense" and not is_main(row)


def order(row: Row) -> tuple:
    """Sort key of a row: the dense network comes first, then the main method, then the references by name."""
    return (
        row["network"],
        row["dataset"],
        row["device"] or "",
        row.get("runtime") or "",
        0 if is_dense(row) else 1 if is_main(row) else 2,
        row.get("reference") or row["method"],
        _RANKS.get(row["mode"], len(_RANKS)),
        row["mode"] or "",
        row["target"] or 0,
        row["variant"],
        row.get("plan_seed") or 0,
        row.get("seed") or 0,
    )


def label(row: Row) -> str:
    """What a figure or a table calls the row's method or reference, with its mode or budget.

    E.g. ``PA``, ``budget small``, ``uniform (FA)``, ``L1 (FA)``, ``uniform (small)``; a named reference has its name.
    """
    budget = row.get("budget")
    if is_main(row):
        return row["mode"] or (f"budget {budget}" if budget else "budget")
    name = BASELINES.get(row["method"], row["method"])
    name = row["reference"] if is_named(row) else name
    asked = row["mode"] or budget
    return f"{name} ({asked})" if asked else name


def headline(rows: Iterable[Row]) -> Metric:
    """The first of their :func:`metrics`."""
    return metrics(rows)[0]


def metrics(rows: Iterable[Row]) -> tuple[Metric, ...]:
    """Every :class:`edgeprune.tasks.base.Metric` that the rows have.

    Raises:
        EdgepruneError: they belong to different tasks.
    """
    names = sorted({row["task"] for row in rows})
    if len(names) != 1:
        raise EdgepruneError(f"runs of one task are wanted, not of {names}", remedy="choose one network and dataset")
    return tasks.get(names[0]).metrics


def group(rows: Iterable[Row]) -> list[Row]:
    """One row for the runs of each method, mode and target: ``n``, and of every number ``<column>`` (mean) and
    ``<column>_std`` (sample standard deviation; None where fewer than two runs have the number). Of notes, the texts
    that occur; of scores without a part of the images, the means part by part; what trained the runs is joined, see
    :func:`edgeprune.reporting.engines.joined`. Of the scores also
    ``<column>_n``, how many :func:`independent` runs have one, and ``score_half``, half the 95 % interval of the mean
    test score."""
    groups = {}
    for row in sorted(rows, key=order):
        groups.setdefault(tuple(row.get(key) for key in GROUP), []).append(row)
    result = []
    for key, members in groups.items():
        grouped = {**dict(zip(GROUP, key)), "n": len(members)}
        for column in members[0]:
            if column in GROUP or column in OF_ONE or column in engines.COLUMNS:
                continue
            if column in columns.NOTES:
                once = {}  # of texts that differ in a number only, the first
                for text in (part for row in members if row[column] for part in row[column].split("; ")):
                    once.setdefault(re.sub(r"\d+", "", text), text)
                grouped[column] = "; ".join(once.values()) or None
                continue
            values = [row[column] for row in members if row[column] is not None]
            if column in columns.LEFT_OUT:
                parts = zip(*(map(float, text.split()) for text in values)) if len(values) == len(members) else ()
                grouped[column] = " ".join(f"{statistics.fmean(part):.9g}" for part in parts) or None
                continue
            sample = difference.Sample.of(values) if values else None
            grouped[column], grouped[f"{column}_std"] = (sample.mean, sample.sd) if sample else (None, None)
            if column in ("score", "val"):
                count = grouped[f"{column}_n"] = min(len(values), independent(members))
                if column == "score":
                    grouped["score_half"] = difference.half_width(replace(sample, n=count)) if sample else None
        result.append(grouped | latency.of(grouped) | engines.joined(members))
    return sorted(result, key=order)


def members(group: Row, rows: Iterable[Row]) -> list[Row]:
    """The runs of one of :func:`group`'s."""
    return [row for row in rows if all(row.get(key) == group[key] for key in GROUP)]


def independent(members: Sequence[Row]) -> int:
    """How many of a group's runs say something of their own: those that share the seed of their training, or of their
    plan where plans are drawn, are no replicates of one plan with one training."""
    trainings = len({row["seed"] for row in members})
    plans = len({row.get("plan_seed", row["seed"]) for row in members})
    drawn = getattr(methods().get(members[0]["method"]), "draws", False)
    return min(trainings, plans) if drawn else trainings


def select(rows: Sequence[Row], network: str | None = None, dataset: str | None = None) -> list[Row]:
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


def _key(value: dict[str, Any], path: str | Path) -> str:
    try:
        return identity.folder(value)
    except KeyError as error:
        raise EdgepruneError("lacks a key", file=path, key=error.args[0], remedy="make the file again") from error
