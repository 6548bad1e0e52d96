"""Which network to take for a preset: by its `limits`, or without any, of what loses little against the dense network.

One answer for each data set, among all its networks, by the rule of :mod:`edgeprune.reporting.choice`; the same on the
report's first page, after `make` and after `edgeprune fit`.
"""

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.config import limits
from edgeprune.reporting import Row, advice, choice, notes, pairs, runs, units
from edgeprune.reporting.choice import Choice, Constraint
from edgeprune.tasks.base import Metric

NAMED = 3  # of those that cannot be told from the best


@dataclass(frozen=True)
class Cost:
    """What the network has of something, and how that is against the dense network (empty where there is none)."""

    title: str
    value: str
    against: str


@dataclass(frozen=True)
class Answer:
    """For one data set.

    Attributes:
        dataset, place, metric: the scores are of this :class:`edgeprune.tasks.base.Metric`; ``place`` is None where
            nothing was measured.
        choice: among the groups of that place.
        row: the group of the network to take, or of the nearest where nothing satisfies the limits.
        verdict: one sentence that says which it is, and why.
        costs: what ``row`` has and loses.
        notes: sentences on how sure that is, and what was assumed.
        run: the run of ``row`` whose files are handed out.
        model: what :func:`edgeprune.reporting.advice.model` says of its files; None where nothing satisfies.
        command: that gives the same in full.
    """

    dataset: str
    place: str | None
    metric: Metric
    choice: Choice
    row: Row
    run: Row
    verdict: str
    costs: tuple[Cost, ...]
    notes: tuple[str, ...]
    model: dict[str, Any] | None
    command: str

    @property
    def asked(self) -> str:
        """What was to be kept, and where."""
        where = f"{self.dataset}{f' on {self.place}' if self.place else ''}"
        return f"{where}: {', '.join(map(str, self.choice.constraints)) or 'no limit'}"


def answers(results: str | Path, config: Mapping[str, Any], rows: Sequence[Row] | None = None) -> list[Answer]:
    """The :class:`Answer` for each data set.

    Args:
        results: the folder ``results/<preset>``.
        config: the effective configuration, as ``config.yaml`` in that folder has it.
        rows: the runs, where they are read already.

    Raises:
        EdgepruneError: the folder holds no results, or none of the device or runtime under `limits`.
    """
    rows = runs.of_folder(results) if rows is None else rows
    datasets = dict.fromkeys(pair["dataset"] for pair in config["pairs"])
    every = [[row for row in rows if row["dataset"] == name] for name in datasets]
    return [_answer(results, config, of) for of in every if of]


def text(found: Sequence[Answer], width: int = 80) -> str:
    """All answers in words, about ten lines each, for a terminal."""
    return "\n\n".join("\n".join(_lines(answer, width)) for answer in found)


def _lines(answer: Answer, width: int) -> list[str]:
    def wrap(text: str, first: str = "  ", rest: str = "  ") -> list[str]:
        wrapped = textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
        return wrapped or [first.rstrip()]

    lines = [*wrap(answer.asked, ""), *wrap(answer.verdict, "")]
    for cost in answer.costs:
        lines += wrap(cost.against, f"  {cost.title:<12}{cost.value:<24}", " " * 38)
    lines += [line for note in answer.notes for line in wrap(note)]
    if answer.model:
        here = "" if answer.model["here"]["onnx"] else "  (not on this disk)"
        lines.append(f"  ONNX        {answer.model['onnx']}{here}")
    return lines


def _answer(results: str | Path, config: Mapping[str, Any], every: Sequence[Row]) -> Answer:
    metric, dataset = runs.headline(every), every[0]["dataset"]
    device = limits.on(config) if any(row["device"] for row in every) else None
    rows = choice.at_place(every, device, config.get("limits", {}).get("runtime") if device else None)
    groups = runs.group(rows)
    given = limits.of(config, dataset)
    wanted, said = choice.constraints(given, metric), []
    if not given and any(map(runs.is_dense, groups)):
        wanted, said = _little_lost([row for row in groups if runs.is_dense(row)], metric)
    if rows[0]["runtime"] not in (None, "fp32"):
        said.append("Speed is against the dense network in fp32, the rest against it in the same runtime.")
    unknown = [limit for limit in wanted if all(row[limit.column] is None for row in groups)]
    for limit in unknown:
        reasons = dict.fromkeys(row["latency_reason"] or row["energy_reason"] or "nobody knows why" for row in groups)
        said.append(f"Mind: whether {limit} is not known, it was not measured ({'; '.join(reasons)}).")
    found = choice.choose(groups, [limit for limit in wanted if limit not in unknown], metric)
    row = found.chosen or found.failing[0]
    same = [other for other in groups if other["network"] == row["network"]]
    dense = next((other for other in same if runs.is_dense(other)), None)
    asked = [part for key, amount in given.items() for part in (f"--{key}", amount)]
    asked = asked or [part for limit in wanted for part in (limit.option, limit.limit.show(limit.limit.value))]
    where = {key: rows[0][key] for key in ("device", "runtime") if rows[0][key] not in (None, "fp32")}
    place = [part for key, value in where.items() for part in (f"--{key}", value)]
    return Answer(
        dataset,
        runs.place(rows[0]),
        metric,
        found,
        row,
        found.member(runs.members(row, rows)),
        _verdict(found, row),
        tuple(_costs(row, dense, same, metric)),
        (*_sure(found, row, metric), *_doubts(row), *said),
        advice.model(results, found, rows) if found.chosen else None,
        shlex.join(["edgeprune", "recommend", "--results", str(results), "--dataset", dataset, *place, *asked]),
    )


def _little_lost(dense: Sequence[Row], metric: Metric) -> tuple[list[Constraint], list[str]]:
    """The limit where none is given: at most a point of per cent, or a hundredth, worse than the best dense network."""
    sign = 1 if metric.higher_is_better else -1
    best = metric.scale * max((row["val"] for row in dense), key=lambda value: sign * value)
    loss, of = (1, "point") if metric.unit == "%" else (0.01 * abs(best), metric.unit)
    written = f"{best - sign * loss:.{metric.decimals}f}{metric.unit}"
    said = f"No limit is given: asked for at most {loss:.3g} {of}".rstrip() + " less than the dense network has."
    return choice.constraints({"score": written}, metric), [said]


def _verdict(found: Choice, row: Row) -> str:
    if found.chosen:
        return f"Take {row['network']} {row['variant']}, {advice.why(found)}."
    changes = " or ".join(c.relaxed(other) for c, other in found.concessions())
    return f"Nothing satisfies. Nearest is {_missing(found, row)}." + (f" To admit one: {changes}." if changes else "")


def _missing(found: Choice, row: Row) -> str:
    missed = ", ".join(f"{c.title} {c.show(row)}" for c in found.constraints if not c.holds(row))
    return f"{row['network']} {row['variant']} ({missed})"


def _costs(row: Row, dense: Row | None, same: Sequence[Row], metric: Metric) -> list[Cost]:
    """What the row has of each thing, against ``dense``; ``same`` are the groups of its network and place."""
    other = {} if row is dense or not dense else dense
    score = "not measured" if row["score"] is None else units.score(row["score"], metric)
    if row["score_half"] is not None:  # of the mean, 95 %; "±" is a standard deviation
        score += f" [{', '.join(_around(row, metric))}]"
    costs = [Cost("test score", score, pairs.beside_dense(row, same, metric))]
    if row["latency_ms"] is not None:
        low, high = row["speedup_low"], row["speedup_high"]
        faster = f"{row['speedup']:.2f} times as fast [{low:.2f}, {high:.2f}]" if other and row["speedup"] else ""
        faster += ", not resolved" * bool(faster and notes.is_unresolved(row))
        costs.append(Cost("latency", units.one(row["latency_ms"], "time"), faster))
    if row["energy_mj"] is not None:
        ratio = _change(row["energy_mj"], other.get("energy_mj"))
        kind = f" ({notes.energy([row])})" if notes.energy([row]) else ""
        costs.append(Cost("energy", f"{units.digits(row['energy_mj'])} mJ{kind}", ratio))
    for title, key, kind in (
        ("parameters", "params", "params"),
        ("FLOPs", "flops", "flops"),
        ("memory", "peak_memory", "bytes"),
        ("file", "file_bytes", "bytes"),
    ):
        costs.append(Cost(title, units.one(row[key], kind), _change(row[key], other.get(key))))
    return costs


def _around(row: Row, metric: Metric) -> list[str]:
    ends = [metric.scale * (row["score"] + sign * row["score_half"]) for sign in (-1, 1)]
    return [f"{min(end, 100) if metric.unit == '%' else end:.{metric.decimals}f}" for end in ends]


def _change(value: float, dense: float | None) -> str:
    """``−50.0 %``; empty where there is nothing to compare with."""
    return f"{100 * (value / dense - 1):+.1f} %".replace("-", "−") if dense else ""


def _sure(found: Choice, row: Row, metric: Metric) -> list[str]:
    """How sure the choice is: what it rests on, and who cannot be told from the best."""
    best = found.best
    if not best:
        return []
    images = f", {best['val_images']:g} validation images" if best.get("val_images") else ""
    count = f"{best['n']} run{'s' if best['n'] > 1 else ''} each"
    lines = [f"Best on validation: {best['variant']}, {units.score(best['val'], metric)} ({count}{images})."]
    if level := [other for other in found.level if other is not row and other is not best]:
        names = [f"{other['network']} {other['variant']}" for other in level]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        lines.append(f"Not told from it either: {', '.join(names[:NAMED])}{more}.")
    for gap in found.gaps:
        if gap.row is row and gap.half:
            least = f"{gap.half:.{metric.decimals}f} {metric.difference}".rstrip()
            score = units.score(row["val"], metric)
            lines.append(
                f"{row['variant']} has {score} there: less than {least} cannot be told with so few runs and images."
            )
    if runs.is_dense(row) and found.failing:
        lines.append(f"Nearest of the others: {_missing(found, found.failing[0])}.")
    return lines


def _doubts(row: Row) -> list[str]:
    """What the measuring warns of; without an answer too, since a wrong time may be why there is none."""
    return [f"Mind: {row['measuring_warning']}."] if row["measuring_warning"] else []
