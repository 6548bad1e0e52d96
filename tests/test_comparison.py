"""The page of results: who is ahead, by how much, how sure that is, at what cost."""

import re

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.reporting import comparison, pairs, runs
from edgeprune.tasks.base import Metric

RESOURCES = ("params", "macs", "flops", "memory", "peak_memory")
ACCURACY = Metric("accuracy", "Accuracy", unit="%", scale=100.0)


def row(method, test, mode="FA", seed=0, flops=1e9, earlier=0, reduction=0.5, **others):
    own = {f"reduction_{r}": 0.0 if method == "dense" else reduction for r in RESOURCES}
    none = dict.fromkeys(("latency_ms", "speedup", "device", "training_seconds"))
    dense = method == "dense"
    variant = f"{'' if method == 'complexity' else f'{method}-'}{mode}-0.50"
    return {
        "network": "net", "dataset": "data", "task": "classification", "method": method, "metric": "accuracy",
        "mode": None if dense else mode, "target": None if dense else 0.5, "seed": seed,
        "variant": "dense" if dense else variant, "test": test, "score": test, "val": test, "training_flops": flops,
        "earlier_training_flops": earlier, **own, **none, **others,
    }  # fmt: skip


def around(mean, method, spread=0.002, n=5, **others):
    """``n`` runs of that mean, evenly spread over twice ``spread``."""
    steps = [2 * k / (n - 1) - 1 for k in range(n)]
    return [row(method, mean + spread * step, seed=seed, **others) for seed, step in enumerate(steps)]


def page(*rows):
    return comparison.sections(list(rows))


def compared(text):
    """The cells of the table of comparisons, by who is compared."""
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line[:1] == "|"]
    start = next(index for index, line in enumerate(lines) if line[0] == "Ours")
    return {(line[0], line[1]): dict(zip(lines[start][2:], line[2:])) for line in lines[start + 2 :]}


def test_ahead_and_behind_are_said_plainly_where_the_interval_excludes_0():
    text = page(*around(0.9, "dense"), *around(0.88, "complexity"), *around(0.87, "uniform"))
    found = compared(text)
    behind, ahead = found["FA at −50 %", "dense"], found["FA at −50 %", "uniform (FA)"]
    assert (behind["Verdict"], behind["Difference (points)"], behind["n"]) == ("**behind**", "−2.00", "5")
    assert (ahead["Verdict"], ahead["Difference (points)"], ahead["Could have shown"]) == ("ahead", "+1.00", "–")
    assert re.fullmatch(r"\[−2\.\d\d, −1\.\d\d\]", behind["95 % interval"])
    assert re.fullmatch(r"\[\+0\.\d\d, \+1\.\d\d\]", ahead["95 % interval"])
    assert (
        "2 comparisons of test scores: ours is ahead in 1 (FA at −50 % against uniform (FA)), "
        "behind in 1 (FA at −50 % against dense)." in text
    )


def test_what_is_not_told_apart_says_how_many_runs_and_what_they_could_have_shown():
    text = page(*around(0.880, "complexity", 0.01), *around(0.883, "uniform", 0.01, n=3))
    (found,) = compared(text).values()
    half = re.fullmatch(r"not told apart \(n = 5 and 3, ± (\d\.\d\d)\)", found["Verdict"])
    low, high = re.fullmatch(r"\[−(\d\.\d\d), \+(\d\.\d\d)\]", found["95 % interval"]).groups()
    assert float(half[1]) == pytest.approx((float(low) + float(high)) / 2, abs=0.011)
    assert (found["Difference (points)"], found["n"]) == ("−0.30", "5 and 3")
    assert float(found["Could have shown"]) > float(half[1])
    assert "1 comparison of test scores: ours is not told apart in 1." in text
    for word in ("ahead", "behind", "level with", "spread"):
        assert word not in text


def test_the_correction_is_over_all_comparisons_of_the_section():
    ours, baseline = around(0.88, "complexity"), around(0.8765, "uniform")
    (alone,) = compared(page(*ours, *baseline)).values()
    assert alone["Verdict"] == "ahead"
    others = [
        part for mode in ("PA", "MA", "LA") for m in ("complexity", "uniform") for part in around(0.88, m, mode=mode)
    ]
    text = page(*ours, *baseline, *others, *around(0.88, "dense"))
    among = compared(text)["FA at −50 %", "uniform (FA)"]
    assert among["Verdict"].startswith("not told apart after Holm's correction (n = 5, ± ")
    assert among["95 % interval"] == alone["95 % interval"]
    assert float(among["p (Holm, 8)"]) == pytest.approx(8 * float(alone["p (Holm, 1)"]), abs=0.005)
    other = [part | {"network": "another"} for part in others]
    _, _, section = page(*ours, *baseline, *other).partition("## net on data")
    assert compared(section)["FA at −50 %", "uniform (FA)"] == alone  # those of another section don't count


def test_one_run_has_no_interval_and_is_never_ahead():
    text = page(row("dense", 0.9), row("complexity", 0.5), *around(0.1, "uniform"))
    found = compared(text)
    assert found["FA at −50 %", "dense"]["Verdict"] == "n = 1: no interval"
    assert found["FA at −50 %", "uniform (FA)"]["Verdict"] == "n = 1 and 5: no interval"
    assert {cells["95 % interval"] for cells in found.values()} == {"–"}
    assert "without an interval in 2" in text
    assert "ahead" not in text
    assert "behind" not in text


def test_two_runs_that_fell_close_together_claim_nothing():
    close = [row("complexity", 0.9 + 0.0001 * seed, seed=seed) for seed in range(2)]
    apart = [row("uniform", 0.88 + 0.01 * seed, seed=seed) for seed in range(2)]
    (found,) = compared(page(*close, *apart)).values()
    assert found["Verdict"].startswith("not told apart (n = 2, ± ")
    others = [part | {"method": f"baseline{k}", "variant": f"baseline{k}-FA-0.50"} for part in apart for k in range(13)]
    among = compared(page(*close, *apart, *others))["FA at −50 %", "uniform (FA)"]
    assert among["Could have shown"] == "nothing"  # it would take more points than there are


def test_only_peers_of_the_same_mode_and_target_are_compared():
    text = page(*around(0.9, "complexity", mode="PA"), *around(0.8, "uniform", mode="FA"))
    assert "comparison" not in text
    assert "Ours" not in text


def test_the_first_table_has_n_and_the_interval_of_the_mean():
    line = next(line for line in page(*around(0.88, "complexity")).splitlines() if line.startswith("| FA"))
    # deviations ± 0.2, ± 0.1 and 0 points: sd 0.158, t(4) 2.776, so 2.776 * 0.158 / sqrt(5)
    assert line.split("|")[3:6] == [" 5 ", " 88.00 ± 0.16 ", " 0.20 "]


@pytest.mark.parametrize(("flops", "words"), [(0.4e9, "60 % fewer FLOPs than L1 (FA)"), (1.1e9, "10 % more FLOPs")])
def test_cost_against_three_stages_in_both_directions(flops, words):
    assert words in page(row("complexity", 0.9, flops=flops), row("l1", 0.9, flops=1e9, earlier=0.8e9))


def test_a_larger_reduction_than_the_peers_is_shown():
    text = page(row("complexity", 0.9, reduction=0.533), row("uniform", 0.9, reduction=0.501))
    assert ("FA at −50 %", "uniform (FA) (it removes 50.1 %, ours 53.3 %)") in compared(text)


def test_a_plan_for_a_budget_has_neither_mode_nor_target():
    budget = {"mode": None, "target": None, "variant": "small"}
    ours = around(0.9, "complexity", **budget)
    baselines = around(0.91, "uniform", **budget | {"variant": "uniform-small"})
    others = around(0.8, "uniform", **budget | {"variant": "uniform-tiny"})
    found = compared(page(*around(0.95, "dense"), *ours, *baselines, *others))
    assert found["budget", "dense"]["Verdict"] == "**behind**"
    assert list(found) == [("budget", "dense"), ("budget", "uniform")]


def test_a_named_entry_of_our_method_is_a_peer_of_the_plain_one():
    named = around(0.87, "complexity", variant="layer-FA-0.50", reference="layer")
    groups = runs.group([*around(0.9, "dense"), *around(0.88, "complexity"), *named])
    found = [(c.ours["variant"], c.baseline["variant"]) for c in pairs.compare(groups, ACCURACY)]
    assert found == [("FA-0.50", "dense"), ("FA-0.50", "layer-FA-0.50")]


def test_where_less_is_better_ours_is_ahead_with_less():
    error = Metric("error", "Error", unit="px", higher_is_better=False)
    groups = runs.group([*around(0.4, "complexity"), *around(0.5, "uniform")])
    (found,) = pairs.compare(groups, error)
    assert found.found.verdict == "ahead"
    assert found.found.value == pytest.approx(0.1)
    assert pairs.against(found, error).startswith("+0.10 px [+0.10, +0.10], ahead of uniform (FA)")


def test_runs_without_a_score_of_their_own_are_not_counted():
    ours = around(0.88, "complexity")
    ours[0]["score"] = None
    (group,) = runs.group(ours)
    assert (group["n"], group["score_n"]) == (5, 4)
    (found,) = compared(page(*ours, *around(0.88, "uniform"))).values()
    assert found["n"] == "4 and 5"
    unknown = [part | {"score": None} for part in ours]
    assert "comparison" not in page(*unknown, *around(0.88, "uniform"))


def test_a_preset_that_was_not_run_is_named(tmp_path):
    with pytest.raises(EdgepruneError, match="no such file"):
        runs.read_csv(tmp_path / "runs.csv")
