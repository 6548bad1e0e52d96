"""Runs trained by several engines are averaged only aloud."""

import json

import pytest

from edgeprune.plotting import cost, tradeoff
from edgeprune.reporting import captions, comparison, engines, runs, table
from helpers import synthetic_runs

SAME = {"device": "cpu", "precision": "fp32", "threads": 2}


@pytest.fixture
def rows_of(tmp_path):
    """The rows of a made-up grid whose ``engine`` is as given, other for the PA runs of seed 1."""

    def make(engine, other):
        metrics, measurements, _ = synthetic_runs.grid(tmp_path)
        for path in metrics:
            value = json.loads(path.read_text())
            value["engine"] = other if value["mode"] == "PA" and value["seed"] == 1 else engine
            path.write_text(json.dumps(value))
        return runs.read(metrics, measurements)

    return make


def everything(rows, tmp_path):
    """All texts for people that average runs."""
    groups = runs.group(rows)
    (tmp_path / "runs.csv").write_text(table.to_csv(rows))
    made = [make(groups) for make in (table.markdown, table.latex, table.page)]
    made += [make(groups) for make in (captions.results, tradeoff.caption, cost.caption)]
    return [*made, comparison.sections(runs.read_csv(tmp_path / "runs.csv"))]


def test_runs_of_one_engine_carry_it_and_need_no_word(rows_of, tmp_path):
    rows = rows_of(SAME, SAME)
    assert {(r["train_device"], r["precision"], r["train_threads"]) for r in rows} == {("cpu", "fp32", 2)}
    groups = runs.group(rows)
    assert {(g["train_device"], g["precision"], g["train_threads"]) for g in groups} == {("cpu", "fp32", 2)}
    assert engines.note(groups) == ""
    assert not [text for text in everything(rows, tmp_path) if "trained alike" in text]


def test_runs_of_several_engines_are_told_of_wherever_they_are_averaged(rows_of, tmp_path):
    rows = rows_of(SAME, {"device": "cuda", "precision": "bf16", "threads": 2})
    groups = {(g["method"], g["mode"], g["target"]): g for g in runs.group(rows)}
    assert groups["complexity", "PA", 0.5]["precision"] == "bf16 / fp32"
    assert groups["complexity", "FA", 0.5]["precision"] == "fp32"
    for text in everything(rows, tmp_path):
        assert "not all trained alike" in text
        assert "device cpu and cuda; precision bf16 and fp32." in text
        assert "threads" not in text.partition("trained alike")[2][:80]


def test_one_variant_on_another_engine_than_the_rest_counts_too():
    groups = [{"precision": "fp32", "train_device": "cpu", "train_threads": n} for n in (1, 4)]
    assert "CPU threads 1 and 4" in engines.note(groups)


def test_metrics_that_do_not_say_their_engine_are_unknown():
    assert set(engines.columns({}).values()) == {None}
    assert set(engines.joined([{}, {}]).values()) == {None}
    assert engines.note([{}, {"precision": "fp32"}]) == ""
