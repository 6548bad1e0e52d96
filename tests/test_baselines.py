"""Baselines of three stages: a trained network pruned within the same budget, fine-tuned, its whole cost counted."""

import copy
import json

import pytest
import torch
from torch import nn

from edgeprune import files
from edgeprune.baselines import methods
from edgeprune.baselines import run as stage
from edgeprune.baselines.prune import prune_trained
from edgeprune.config import grid, load
from edgeprune.config.recipes import recipe_of
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES, COUNTED
from edgeprune.networks.mobilenet import mobilenetv2_small
from edgeprune.networks.vgg import vgg8
from edgeprune.plotting import cost as cost_figure
from edgeprune.plotting import style
from edgeprune.reporting import runs, table
from edgeprune.sampling.sample import sample
from edgeprune.tracing.profile import profile
from edgeprune.training.restore import load_model
from edgeprune.training.run import run
from helpers.trainingdata import noise_dataset
from helpers.workflow import ROOT

torch.set_num_threads(1)
NETWORKS = {"vgg8": vgg8, "mobilenetv2-small": mobilenetv2_small}


def trained(make):
    """A network after a few steps on noise: no two filters alike, running statistics of its own."""
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(3):
        loss = nn.functional.cross_entropy(model(torch.randn(16, 1, 8, 8)), torch.arange(16) % 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    model = trained(NETWORKS[request.param])
    return model, profile(model, (1, 8, 8), network=request.param)


@pytest.mark.parametrize("method", BASELINES)
@pytest.mark.parametrize(("mode", "target"), [("PA", 0.6), ("FA", 0.5), ("MA", 0.4)])
def test_budget_is_met_closely_and_the_plan_is_the_module(network, method, mode, target):
    model, dense = network
    before = copy.deepcopy(model.state_dict())
    pruned, plan = prune_trained(model, dense, method=method, mode=mode, target=target, seed=3)
    left = 1 - plan.reduction[COUNTED[mode]]
    assert 0.97 * (1 - target) < left <= 1 - target
    assert sum(p.numel() for p in pruned.parameters()) == plan.totals["params"]
    assert (plan.method, plan.mode, plan.target, plan.seed) == (method, mode, target, 3)
    assert pruned(torch.zeros(1, 1, 8, 8)).shape == (1, 10)  # the output layer stays
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    shares = [plan.widths[g] / w for g, w in dense.widths.items()]
    if not methods.KNOWN[method].across:  # the same share of each layer, but for what rounding to a filter makes
        assert max(shares) - min(shares) <= 2 / min(dense.widths.values())


def test_the_filters_of_least_l1_norm_go():
    """Against norms taken here, of a group that one convolution, its batch norm and its reader make up."""
    model, dense = trained(vgg8), profile(vgg8(), (1, 8, 8), network="vgg8")
    names = [layer.name for layer in dense.layers]
    pruned, plan = prune_trained(model, dense, method="l1", mode="FA", target=0.5)
    first, second = (model.get_submodule(name) for name in names[:2])
    scale = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    norm = (first.weight.abs().sum((1, 2, 3)) + scale.weight.abs() + second.weight.abs().sum((0, 2, 3))).detach()
    kept = sorted(norm.topk(plan.layers[names[0]][1]).indices.tolist())
    assert torch.equal(pruned.get_submodule(names[0]).weight, first.weight[kept])
    inner = pruned.get_submodule(names[1]).weight
    rows = [i for i, filter in enumerate(second.weight[:, kept]) if any(torch.equal(filter, mine) for mine in inner)]
    assert len(rows) == len(inner)


@pytest.mark.parametrize("method", BASELINES)
def test_settings_are_honoured(network, method):
    model, dense = network
    names = [layer.name for layer in dense.layers]
    settings = {"round_to": 4, "min_channels": 0.5, "protect": [names[0]], "prunable": "conv"}
    _, plan = prune_trained(model, dense, method=method, mode="FA", target=0.4, settings=settings)
    assert plan.settings == sample(dense, "FA", 0.4, **settings).settings
    for name, (width, kept) in plan.layers.items():
        assert kept == width or (kept % 4 == 0 and kept >= width / 2), name
    assert plan.layers[names[0]][0] == plan.layers[names[0]][1]
    hidden = [layer.name for layer in dense.layers if layer.kind == "linear"]
    assert all(plan.layers[name][0] == plan.layers[name][1] for name in hidden)
    with pytest.raises(EdgepruneError, match="at most"):
        prune_trained(model, dense, method=method, mode="FA", target=0.9, settings=settings)


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """The three stages on disk: the dense run, what pruning leaves, the fine-tuned run; and a single pass."""
    folder = tmp_path_factory.mktemp("stages")
    noise_dataset(folder / "noise", count=40, classes=10)
    spec = {"factory": "edgeprune.networks.vgg:vgg8"}
    dense = profile(vgg8(), (1, 8, 8), network="vgg8")
    dense.save(folder / "profile.json")
    sample(dense, method="dense").save(folder / "dense.json")
    sample(dense, "FA", 0.5).save(folder / "FA.json")
    recipes = {"vgg8": {"epochs": 4, "batch_size": 20, "lr": 0.1, "warmup_epochs": 1, "device": "cpu"}}

    def train(variant, plan, **more):
        run(
            network="vgg8", spec=spec, data=str(folder / "noise"), profile=str(folder / "profile.json"),
            plan=str(plan), seed=0, variant=variant, out=str(folder / variant), onnx=False,
            recipe=recipe_of(recipes, "vgg8", fine_tuning=bool(more)), **more,
        )  # fmt: skip

    train("dense", folder / "dense.json")
    train("FA-0.50", folder / "FA.json")
    pruned = folder / "l1" / "pruned"
    given = {"profile": folder / "profile.json", "method": "l1", "mode": "FA", "target": 0.5, "variant": "l1"}
    stage.run(dense=folder / "dense" / "model.pt", seed=0, out=pruned, **given)
    earlier = [str(folder / "dense" / "metrics.json"), str(pruned / "cost.json")]
    train("l1", pruned / "plan.json", initial=str(pruned / "model.pt"), earlier=earlier)
    return folder, given


def test_costs_of_all_stages_add_up(stages):
    folder, _ = stages
    dense, l1 = (json.loads((folder / name / "metrics.json").read_text()) for name in ("dense", "l1"))
    assert [s["name"] for s in l1["cost"]["stages"]] == ["train", "prune", "finetune"]
    assert l1["cost"]["epochs"] == 4 + 0 + 1
    own = 3 * l1["complexity"]["flops"] * 40
    assert l1["cost"]["training_flops"] == dense["cost"]["training_flops"] + own
    assert own <= 0.5 * dense["cost"]["training_flops"] / 4
    times = json.loads((folder / "l1" / "timing.json").read_text())["cost"]["stages"]
    assert len(times) == 3
    assert all(t["seconds"] > 0 for t in times)


def test_pruned_checkpoint_is_a_network_and_is_made_again_bit_for_bit(stages, tmp_path):
    folder, given = stages
    model, value = load_model(folder / "l1" / "pruned" / "model.pt")
    plan = files.read_json(folder / "l1" / "pruned" / "plan.json")
    assert value["widths"] == plan["widths"]
    assert sum(p.numel() for p in model.parameters()) == plan["totals"]["params"]
    stage.run(dense=folder / "dense" / "model.pt", seed=0, out=tmp_path, **given)
    for name in ("plan.json", "model.pt", "cost.json"):
        assert (tmp_path / name).read_bytes() == (folder / "l1" / "pruned" / name).read_bytes()
    with pytest.raises(EdgepruneError, match="not of the dense network and seed 1"):
        stage.run(dense=folder / "dense" / "model.pt", seed=1, out=tmp_path, **given)


def test_tables_and_figures_show_peers_with_their_whole_cost(stages, tmp_path):
    folder, _ = stages
    names = ("dense", "FA-0.50", "l1")
    rows = runs.read(*([folder / name / f for name in names] if f else [] for f in ("metrics.json", "", "timing.json")))
    by_name = {runs.label(row): row for row in rows}
    assert list(by_name) == ["dense", "FA", "L1 (FA)"]
    l1, dense = by_name["L1 (FA)"], by_name["dense"]
    assert (l1["earlier_training_flops"], dense["earlier_training_flops"]) == (dense["training_flops"], 0)
    assert l1["training_seconds"] > dense["training_seconds"]
    groups = runs.group(rows)
    text = table.markdown(groups)
    assert "L1 (FA)" in text
    assert "Training time" in text
    said = cost_figure.caption(groups)
    less = 100 * (1 - by_name["FA"]["training_flops"] / l1["training_flops"])
    assert f"{less:.0f} % less compute" in said
    figure = cost_figure.draw(rows, "title")
    left, right = figure.axes[:2]
    bars = right.patches
    assert sum(b.get_width() for b in bars) > sum(b.get_width() for b in bars if b.get_hatch()) > 0
    assert [t.get_text() for t in right.get_yticklabels()] == ["dense", "FA −50 %", "L1 (FA) −50 %"]
    assert left.get_xlabel().startswith("Training compute")
    style.save(figure, png=tmp_path / "cost.png")
    assert len({style.marker(m, "FA")["fillstyle"] for m in ("complexity", "uniform", "random", *BASELINES)}) == 6


def test_grid_knows_what_comes_after_the_dense_training():
    config = load.effective(
        ROOT, {"references": {"l1": {"modes": ["FA"]}, "lamp": {"modes": ["PA"], "targets": [0.5]}}}
    )
    found = grid.expand(config)
    assert set(found.baselines) == {f"l1-FA-{t:.2f}" for t in config["targets"]} | {"lamp-PA-0.50"}
    assert set(found.baselines).isdisjoint(found.sampled)
    assert {*found.baselines, *found.sampled} == set(found.variants)
    assert "dense" in found.sampled


def test_peer_without_the_dense_network_is_refused(tmp_path):
    (tmp_path / "presets").mkdir()
    for file in ("config.yaml", "presets/quick.yaml"):
        (tmp_path / file).write_text((ROOT / file).read_text().replace("dense: {}", "l1: {}"))
    with pytest.raises(EdgepruneError, match="not in the grid") as caught:
        load.effective(tmp_path)
    assert caught.value.key == "references.l1"


def test_fine_tuning_changes_the_recipe_and_nothing_else():
    recipes = {"a": {"epochs": 10, "lr": 0.1, "batch_size": 8, "warmup_epochs": 2}}
    assert recipe_of(recipes, "a") == recipes["a"]
    expected = {"epochs": 3, "lr": 0.01, "batch_size": 8, "warmup_epochs": 0}
    assert recipe_of(recipes, "a", fine_tuning=True) == expected
    recipes["a"]["fine_tune"] = {"epochs": 7, "schedule": "step"}
    assert "fine_tune" not in recipe_of(recipes, "a")
    assert recipe_of(recipes, "a", fine_tuning=True) == expected | {"epochs": 7, "schedule": "step"}
    assert recipe_of({"b": {}}, "b", fine_tuning=True)["epochs"] >= 1
