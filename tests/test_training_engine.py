"""Weight averaging, number formats, budgets, penalties, fine-tuning and the costs of stages."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from edgeprune.config.recipe import Recipe
from edgeprune.errors import EdgepruneError
from edgeprune.networks.vgg import vgg8
from edgeprune.sampling.sample import sample
from edgeprune.tracing.profile import profile
from edgeprune.training import budget, checkpoint, cost, energy, history, memory_format, precision
from edgeprune.training.average import Average
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine
from edgeprune.training.restore import load_model
from edgeprune.training.run import run
from edgeprune.training.seeds import derive
from helpers.trainingdata import noise_dataset

SPEC = {"factory": "edgeprune.networks.vgg:vgg8", "args": {"width": 0.5}}
RECIPE = {"epochs": 2, "batch_size": 10, "lr": 0.05}

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    noise_dataset(folder / "noise", 40)
    dense = profile(vgg8(num_classes=4, width=0.5), (1, 8, 8), network="vgg8")
    dense.save(folder / "profile.json")
    sample(dense, "FA", 0.5, 0).save(folder / "plan.json")
    sample(dense, method="dense").save(folder / "dense.json")
    return folder


def train(inputs, out, plan="plan.json", recipe=RECIPE, **changes):
    given = {"network": "vgg8", "spec": SPEC, "data": inputs / "noise", "profile": inputs / "profile.json"}
    given |= {"plan": inputs / plan, "recipe": recipe, "seed": 0, "variant": "FA-0.50", "out": out, "onnx": False}
    return run(**given | changes)


def engine_on(folder, **settings):
    torch.manual_seed(derive(0, "initialise"))
    model = vgg8(num_classes=4, width=0.25, dropout=0.2)
    return Engine(model, Dataset(folder), Recipe.from_dict(RECIPE | settings), 0)


# --- moving average


def test_average_is_the_formulas():
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    with torch.no_grad():
        model[0].weight.fill_(0.0)
        average, expected, statistic = Average(model, 0.5), 0.0, 0.0
        for step in range(1, 13):
            model[0].weight.fill_(float(step))
            model[1].running_mean.fill_(10.0 * step)
            model[1].num_batches_tracked += 1
            average.update()
            keep = min(0.5, (1 + step) / (10 + step))
            expected, statistic = keep * expected + (1 - keep) * step, keep * statistic + (1 - keep) * 10 * step
    assert average.model[0].weight.item() == pytest.approx(expected)
    assert average.model[1].running_mean.item() == pytest.approx(statistic)
    assert average.model[1].num_batches_tracked.item() == 12
    assert model[0].weight.item() == 12


def test_averaged_weights_are_reported_and_exported(inputs, tmp_path):
    engine = engine_on(inputs / "noise", ema_decay=0.99)
    engine.run()
    assert engine.trained is engine.average.model
    assert not torch.equal(engine.trained.features[0][0].weight, engine.model.features[0][0].weight)
    plain = train(inputs, tmp_path / "plain")
    averaged = train(inputs, tmp_path / "ema", recipe=RECIPE | {"ema_decay": 0.99})
    assert averaged["val"] != plain["val"]
    weights = [load_model(tmp_path / name / "model.pt")[0].state_dict() for name in ("plain", "ema")]
    assert not torch.equal(weights[0]["features.0.0.weight"], weights[1]["features.0.0.weight"])


# --- number formats


def test_bf16_trains_to_the_same_bits_twice_and_weights_stay_fp32(inputs):
    runs = [engine_on(inputs / "noise", precision=p) for p in ("bf16", "bf16", "fp32")]
    for one in runs:
        one.run()
    assert runs[0].precision == "bf16"
    assert runs[0].history == runs[1].history != runs[2].history
    assert runs[0].history[0]["train_loss"] == pytest.approx(runs[2].history[0]["train_loss"], rel=0.05)
    for a, b in zip(runs[0].model.state_dict().values(), runs[1].model.state_dict().values()):
        assert torch.equal(a, b)
        assert a.dtype in (torch.float32, torch.int64)


def test_auto_takes_bf16_only_where_it_is_native(monkeypatch):
    cpu = torch.device("cpu")
    for flags, expected in (({"avx2"}, "fp32"), ({"avx512_bf16"}, "bf16"), ({"amx_bf16"}, "bf16"), (set(), "fp32")):
        monkeypatch.setattr(precision, "_flags", lambda flags=flags: flags)
        assert precision.choose("auto", cpu) == expected
    assert precision.choose("auto", torch.device("mps")) == "fp32"
    assert precision.choose("bf16", cpu) == "bf16"


def test_outputs_of_any_shape_are_cast():
    half, whole = torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.int64)
    value = precision.as_float({"a": [half, whole], "b": (half,)})
    assert value["a"][0].dtype == value["b"][0].dtype == torch.float32
    assert value["a"][1].dtype == torch.int64


def test_convolutions_are_trained_channels_last_and_saved_plainly(inputs, tmp_path):
    engine = engine_on(inputs / "noise")
    assert engine.model.features[1][0].weight.is_contiguous(memory_format=torch.channels_last)
    train(inputs, tmp_path)
    saved = checkpoint.load(tmp_path / "model.pt")["state_dict"]
    assert all(w.is_contiguous() for w in saved.values())


STRIDED = """
import sys, torch
from torch import nn
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine
from edgeprune.config.recipe import Recipe
torch.set_num_threads(1)
data = Dataset(sys.argv[1])
head = lambda: (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, 4))
make = lambda: nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 20, 1, stride=2), *head())
torch.manual_seed(0)
model, exact = make(), make().double()
exact.load_state_dict(model.state_dict())
engine = Engine(model, data, Recipe(epochs=1, batch_size=32), 0)
for step in range(8):
    rows = slice(0, 32)
    inputs, targets = engine.train.inputs[rows], engine.train.targets[rows]
    engine.model.zero_grad()
    engine.passes(inputs, targets)
    exact.zero_grad()
    nn.functional.cross_entropy(exact(data.normalise(inputs).double()), targets).backward()
    for a, b in zip(model.parameters(), exact.parameters()):
        assert torch.allclose(a.grad.double(), b.grad, rtol=1e-4, atol=1e-6), (a.shape, (a.grad - b.grad).abs().max())
print("equal")
"""


def test_thin_strided_1x1_convolutions_have_the_right_gradients(tmp_path):
    """In a process of its own: in channels-last this one crashed, hung or was wrong, see training/memory_format.py."""
    noise_dataset(tmp_path / "noise", 40)
    command = [sys.executable, "-c", STRIDED, str(tmp_path / "noise")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[1])
    assert done.stdout == "equal\n", done.stderr


def test_only_thin_strided_1x1_convolutions_cost_the_fast_layout():
    thin, wide = nn.Conv2d(12, 8, 1, stride=2), nn.Conv2d(16, 8, 1, stride=2)
    assert memory_format.choose(nn.Sequential(thin), "cpu") is torch.contiguous_format
    assert memory_format.choose(nn.Sequential(thin), "cuda") is torch.channels_last
    for harmless in (wide, nn.Conv2d(12, 8, 3, stride=2), nn.Conv2d(12, 8, 1)):
        assert memory_format.choose(nn.Sequential(harmless), "cpu") is torch.channels_last


# --- penalties and budgets


def test_bn_l1_shrinks_the_scales(inputs):
    sums = []
    for weight in (0.0, 0.2):
        engine = engine_on(inputs / "noise", bn_l1=weight, epochs=5)
        engine.run()
        norms = [m for m in engine.model.modules() if isinstance(m, nn.BatchNorm2d)]
        sums.append(sum(m.weight.abs().sum().item() for m in norms))
    assert sums[1] < 0.8 * sums[0]


def test_budget_of_flops(inputs, tmp_path):
    class Halved:
        dense_totals, totals = {"flops": 1000}, {"flops": 390}

    same, flops = Recipe(epochs=10), Recipe(epochs=10, budget="flops")
    assert budget.epochs(same, Halved) == 10
    assert budget.epochs(flops, Halved) == 26
    assert budget.epochs(flops, Halved, fine_tuning=True) == 10
    assert budget.epochs(Recipe(epochs=10, budget="flops", budget_cap=2), Halved) == 20
    pruned = train(inputs, tmp_path / "pruned", recipe=RECIPE | {"epochs": 3, "budget": "flops"})
    dense = train(inputs, tmp_path / "dense", plan="dense.json", recipe=RECIPE | {"epochs": 3, "budget": "flops"})
    assert dense["cost"]["epochs"] == 3
    assert pruned["cost"]["epochs"] == round(3 * dense["complexity"]["flops"] / pruned["complexity"]["flops"]) > 5
    assert pruned["cost"]["training_flops"] == pytest.approx(dense["cost"]["training_flops"], rel=0.1)
    rows = (tmp_path / "pruned" / "history.csv").read_text().splitlines()
    assert float(rows[-1].split(",")[-1]) < 0.1 * RECIPE["lr"]  # the schedule was stretched, not repeated


# --- stages


def test_fine_tuning_starts_from_the_weights_and_adds_up_all_costs(inputs, tmp_path):
    first = train(inputs, tmp_path / "first")
    still = RECIPE | {"epochs": 1, "lr": 1e-12, "weight_decay": 0}
    files = {"initial": tmp_path / "first" / "model.pt", "earlier": [tmp_path / "first" / "metrics.json"]}
    second = train(inputs, tmp_path / "second", recipe=still, **files)
    assert second["test"]["accuracy"] == pytest.approx(first["test"]["accuracy"], abs=0.26)  # batch norm moved on
    weights = [checkpoint.load(tmp_path / f / "model.pt")["state_dict"] for f in ("first", "second")]
    assert torch.allclose(weights[0]["features.0.0.weight"], weights[1]["features.0.0.weight"], atol=1e-6)
    third = train(
        inputs,
        tmp_path / "third",
        recipe=still,
        initial=tmp_path / "second" / "model.pt",
        earlier=[tmp_path / "second" / "metrics.json"],
        stage="polish",
    )
    stages = third["cost"]["stages"]
    assert [s["name"] for s in stages] == ["train", "finetune", "polish"]
    assert [s["epochs"] for s in stages] == [2, 1, 1]
    for name in ("epochs", "images", "training_flops"):
        assert third["cost"][name] == sum(s[name] for s in stages)
    assert stages[0]["training_flops"] == first["cost"]["training_flops"]
    timing = json.loads((tmp_path / "third" / "timing.json").read_text())
    assert [s["name"] for s in timing["cost"]["stages"]] == ["train", "finetune", "polish"]
    assert timing["cost"]["seconds"] == sum(s["seconds"] for s in timing["cost"]["stages"]) > timing["seconds"]["total"]
    assert timing["joules"] is not None or timing["reasons"]["joules"]


def test_wrong_initial_weights_are_refused(inputs, tmp_path):
    train(inputs, tmp_path / "dense", plan="dense.json", recipe=RECIPE | {"epochs": 1})
    with pytest.raises(EdgepruneError, match=r"model.pt: state_dict: holds other tensors .*size mismatch") as caught:
        train(inputs, tmp_path / "out", initial=tmp_path / "dense" / "model.pt")
    assert "more)" in caught.value.problem
    checkpoint.save(tmp_path / "odd.pt", {"weights": {}})
    with pytest.raises(EdgepruneError, match=r"odd.pt: state_dict: holds no weights"):
        train(inputs, tmp_path / "out", initial=tmp_path / "odd.pt")
    (tmp_path / "metrics.json").write_text('{"cost": {"epochs": 3}}')
    with pytest.raises(EdgepruneError, match=r"metrics.json: cost.stages"):
        train(inputs, tmp_path / "out", earlier=[tmp_path / "metrics.json"])
    assert not (tmp_path / "out").exists()


def test_a_sum_that_lacks_a_term_is_none_with_the_reason(tmp_path):
    stages = [{"name": "train", "seconds": 2.0, "joules": 5.0, "reason": None}]
    assert cost.total_time(stages)["joules"] == 5.0
    (tmp_path / "metrics.json").write_text(json.dumps({"cost": cost.total_work([cost.work("rank", "l1", 0, 8, 10)])}))
    worked, timed = cost.earlier([tmp_path / "metrics.json"])
    assert worked[0]["training_flops"] == 240
    total = cost.total_time(stages + timed)
    assert total["seconds"] is None
    assert "rank: no times in" in total["reasons"]["seconds"]


def test_meter_reads_counters_that_run_over(tmp_path):
    package = tmp_path / "intel-rapl:0"
    for folder in (package, tmp_path / "intel-rapl:0:0"):
        folder.mkdir()
        (folder / "max_energy_range_uj").write_text("10000000\n")
        (folder / "energy_uj").write_text("9000000\n")
    meter = energy.Meter(torch.device("cpu"), powercap=tmp_path)
    (package / "energy_uj").write_text("9500000\n")
    assert meter.update() == pytest.approx(0.5)
    (package / "energy_uj").write_text("1000000\n")
    assert meter.update() == pytest.approx(2.0)
    (package / "max_energy_range_uj").unlink()
    blind = energy.Meter(torch.device("cpu"), powercap=tmp_path)
    assert blind.update() is None
    assert "max_energy_range_uj" in blind.reason
    assert "no energy counter" in energy.Meter(torch.device("cpu"), powercap=tmp_path / "none").reason


# --- history


def test_event_files_only_where_tensorboard_is_installed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(history.importlib.util, "find_spec", lambda name: None)
    with history.events(tmp_path / "events", None) as write:
        write({"epoch": 1, "train_loss": math.pi}, 1.0, 2.0)
    assert "tensorboard is not installed" in capsys.readouterr().err
    assert not (tmp_path / "events").exists()
    with history.events(None, None) as write:
        write({"epoch": 1}, 1.0, 2.0)
    assert capsys.readouterr().err == ""


def test_tensorboard_reads_the_history(inputs, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(inputs, tmp_path / "out", tensorboard=tmp_path / "events")
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert [e.step for e in events.Scalars("val_accuracy")] == [1, 2]


def test_without_a_gpu_a_step_to_be_recorded_runs_as_ever(inputs):
    histories = []
    for compile in (False, "graph"):
        engine = engine_on(inputs / "noise", compile=compile, epochs=1)
        engine.run()
        histories.append(engine.history)
    assert histories[0] == histories[1]
