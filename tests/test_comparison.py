"""The page of results: who is ahead, by how much, at what cost."""

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.reporting import comparison, runs

RESOURCES = ("params", "macs", "flops", "memory", "peak_memory")


def row(method, test, mode="FA", seed=0, flops=1e9, earlier=0, reduction=0.5):
    own = {f"reduction_{r}": 0.0 if method == "dense" else reduction for r in RESOURCES}
    none = dict.fromkeys(("latency_p50_ms", "speedup", "device", "training_seconds"))
    dense = method == "dense"
    return {
        "network": "net", "dataset": "data", "task": "classification", "method": method, "metric": "accuracy",
        "mode": None if dense else mode, "target": None if dense else 0.5, "seed": seed,
        "variant": "dense" if dense else f"{method}-{mode}-0.50", "test": test, "score": test, "training_flops": flops,
        "earlier_training_flops": earlier, **own, **none,
    }  # fmt: skip


def page(*rows):
    return comparison.sections(list(rows))


def test_behind_is_said_plainly_and_spread_is_weighed():
    text = page(row("dense", 0.9), row("complexity", 0.88), row("uniform", 0.87))
    assert "**behind** dense by 2.00 points" in text
    assert "ahead of uniform (FA) by 1.00 points" in text
    spread = page(
        row("complexity", 0.90), row("complexity", 0.88, seed=1), row("uniform", 0.89), row("uniform", 0.891, seed=1)
    )
    assert "by 0.05 points, less than the seeds' spread" in spread


def test_only_peers_of_the_same_mode_and_target_are_compared():
    text = page(row("complexity", 0.9, mode="PA"), row("uniform", 0.8, mode="FA"))
    assert "ahead" not in text


@pytest.mark.parametrize(("flops", "words"), [(0.4e9, "60 % fewer FLOPs than L1 (FA)"), (1.1e9, "10 % more FLOPs")])
def test_cost_against_three_stages_in_both_directions(flops, words):
    assert words in page(row("complexity", 0.9, flops=flops), row("l1", 0.9, flops=1e9, earlier=0.8e9))


def test_a_larger_reduction_than_the_peers_is_shown():
    text = page(row("complexity", 0.9, reduction=0.533), row("uniform", 0.9, reduction=0.501))
    assert "level with uniform (FA) (it removes 50.1 %, ours 53.3 %)" in text


def test_a_plan_for_a_budget_has_neither_mode_nor_target():
    budget = {**row("complexity", 0.9), "mode": None, "target": None}
    assert "budget: **behind** dense" in page(row("dense", 0.95), budget)


def test_a_preset_that_was_not_run_is_named(tmp_path):
    with pytest.raises(EdgepruneError, match="no such file"):
        runs.read_csv(tmp_path / "runs.csv")
