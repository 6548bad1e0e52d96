"""Whole training runs on real images: handwritten digits."""

import csv
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import edgeprune
from edgeprune import entrypoint
from edgeprune.config.recipe import Recipe
from edgeprune.data.fetch import fetch
from edgeprune.data.store import open_split
from edgeprune.errors import EdgepruneError
from edgeprune.networks.vgg import vgg8
from edgeprune.sampling.sample import sample
from edgeprune.tracing.profile import profile
from edgeprune.training import checkpoint
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import evaluate
from edgeprune.training.restore import load_model
from edgeprune.training.run import run
from helpers import trainingdata

ROOT = Path(__file__).resolve().parents[1]
FILES = ["history.csv", "metrics.json", "model.onnx", "model.pt", "timing.json"]
REPRODUCIBLE = [name for name in FILES if name != "timing.json"]
RECIPE = {"epochs": 6, "batch_size": 32, "lr": 0.1, "warmup_epochs": 1, "augment": ["crop"]}
SPEC = {"factory": "edgeprune.networks.vgg:vgg8", "args": {"dropout": 0.1}}

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Digits, vgg8's profile and a plan, as the stages before leave them."""
    folder = tmp_path_factory.mktemp("inputs")
    fetch("digits", {"source": "digits", "task": "classification"}, folder / "digits")
    dense = profile(vgg8(), (1, 8, 8), network="vgg8")
    dense.save(folder / "profile.json")
    sample(dense, "FA", 0.5, 0).save(folder / "plan.json")
    sample(dense, method="dense").save(folder / "dense.json")
    return folder


def arguments(inputs, out, **changes):
    settings = {"data": str(inputs / "digits"), "spec": SPEC, "recipe": RECIPE, "seed": 0}
    return trainingdata.arguments(inputs, out, **settings | changes)


@pytest.fixture(scope="module")
def trained(inputs, tmp_path_factory):
    """The files of one run."""
    out = tmp_path_factory.mktemp("trained") / "seed-0"
    run(**arguments(inputs, out))
    return out


def test_it_learns(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 0.93
    assert metrics["val"]["accuracy"] > 0.9
    rows = list(csv.DictReader((trained / "history.csv").open()))
    assert [int(r["epoch"]) for r in rows] == list(range(1, 7))
    assert float(rows[-1]["train_loss"]) < 0.3 * float(rows[0]["train_loss"])
    assert float(rows[-1]["val_accuracy"]) == metrics["val"]["accuracy"]
    assert float(rows[-1]["val_loss"]) == metrics["val"]["loss"]


def test_files_are_all_there_and_no_others(trained):
    assert sorted(p.name for p in trained.iterdir()) == FILES


def test_the_script_gives_the_same_bytes_in_another_process_and_folder(inputs, trained, tmp_path):
    given = arguments(inputs, tmp_path / "other" / "name")
    command = [sys.executable, "-X", "importtime", str(ROOT / "scripts" / "train_network.py"), "--threads", "1"]
    for key, value in given.items():
        command += [f"--{key}", json.dumps(value) if isinstance(value, dict) else str(value)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert sum(line.startswith("epoch ") for line in done.stderr.splitlines()) == 6
    for name in REPRODUCIBLE:
        assert (tmp_path / "other" / "name" / name).read_bytes() == (trained / name).read_bytes(), name
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "torch" in imported
    # seconds of every job of the grid: each of these costs one to seven
    assert not imported & {"torch._dynamo", "sympy", "torchvision", "sklearn", "pandas", "matplotlib"}


def test_metrics_agree_with_the_files_and_the_network(inputs, trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    model, value = load_model(trained / "model.pt")
    public = edgeprune.load(trained / "model.pt")
    assert all(
        torch.equal(a, b) for a, b in zip(public.state_dict().values(), model.state_dict().values(), strict=True)
    )
    assert metrics["complexity"]["params"] == sum(p.numel() for p in model.parameters())
    assert metrics["complexity"]["params"] < metrics["dense"]["params"] == sum(p.numel() for p in vgg8().parameters())
    assert metrics["reduction"]["flops"] >= 0.5
    assert metrics["reduction"]["flops"] == 1 - metrics["complexity"]["flops"] / metrics["dense"]["flops"]
    assert value["widths"] == json.loads((inputs / "plan.json").read_text())["widths"]
    for name, file in (("checkpoint", "model.pt"), ("onnx", "model.onnx")):
        assert metrics["model_bytes"][name] == (trained / file).stat().st_size
    images = len(open_split(inputs / "digits", "train")) * 6
    assert images - 6 <= metrics["cost"]["images"] <= images
    assert metrics["cost"]["training_flops"] == 3 * metrics["complexity"]["flops"] * metrics["cost"]["images"]
    assert "estimate" in metrics["cost"]["training_flops_method"]
    assert {metrics[k] for k in ("network", "dataset", "variant", "mode", "target")} == {
        "vgg8",
        "digits",
        "FA-0.50",
        "FA",
        0.5,
    }
    assert metrics["recipe"] == value["recipe"]
    assert metrics["recipe"].items() >= {**RECIPE, "momentum": Recipe().momentum}.items()  # what was not said, too
    again = evaluate(model, Dataset(inputs / "digits"), "test", 500)
    assert again["accuracy"] == metrics["test"]["accuracy"]
    assert again["loss"] == pytest.approx(metrics["test"]["loss"], rel=1e-5)  # another memory layout


def test_onnx_classifies_like_the_checkpoint(inputs, trained):
    import onnxruntime

    dataset, session = Dataset(inputs / "digits"), onnxruntime.InferenceSession(trained / "model.onnx")
    images, labels = trainingdata.raw(dataset, "test")
    images = dataset.normalise(images).numpy()
    right = sum(
        int(session.run(None, {"input": image[None]})[0].argmax()) == label
        for image, label in zip(images, labels.tolist())
    )
    accuracy = json.loads((trained / "metrics.json").read_text())["test"]["accuracy"]
    assert right == round(accuracy * len(labels))


def test_smaller_files_than_dense(inputs, trained, tmp_path):
    metrics = run(
        **arguments(inputs, tmp_path, plan=str(inputs / "dense.json"), variant="dense", recipe={**RECIPE, "epochs": 1})
    )
    pruned = json.loads((trained / "metrics.json").read_text())
    assert metrics["method"] == "dense"
    assert metrics["complexity"] == metrics["dense"] == pruned["dense"]
    for name in ("checkpoint", "onnx"):
        assert pruned["model_bytes"][name] < metrics["model_bytes"][name]


def test_seed_changes_the_weights(inputs, trained, tmp_path):
    run(**arguments(inputs, tmp_path, seed=1, onnx=False, recipe={**RECIPE, "epochs": 1}))
    assert sorted(p.name for p in tmp_path.iterdir()) == [f for f in FILES if f != "model.onnx"]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["model_bytes"]["onnx"] is None
    assert metrics["reasons"]["model_bytes.onnx"]
    weights = [checkpoint.load(f / "model.pt")["state_dict"]["features.0.0.weight"] for f in (trained, tmp_path)]
    assert not torch.equal(*weights)


def late_failure(*_):
    raise EdgepruneError("too late")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {**RECIPE, "lr": 1e30}}, r"(?s)recipes.vgg8.lr: .*epoch 1 of 6.*lower lr"),
        ({"recipe": {**RECIPE, "lrr": 1}}, r"recipes.vgg8.lrr: unknown key.*did you mean 'lr'"),
        ({"recipe": {**RECIPE, "batch_size": 5000}}, "5000 is more than the"),
        ({"spec": {**SPEC, "args": {"num_classes": 7}}}, r"\(1, 7\).*10 classes"),
        ({"spec": {**SPEC, "args": {"in_channels": 3}}}, r"networks.vgg8.args.*fails on an input of \(1, 1, 8, 8\)"),
        ({"spec": {"factory": "edgeprune.networks.resnet:resnet8"}}, "not the one that was profiled"),
        ({"plan": "nowhere.json"}, "nowhere.json"),
        ({"data": "nowhere"}, "manifest.json"),
    ],
)
def test_bad_input_leaves_earlier_results_alone(inputs, trained, tmp_path, changes, message):
    out = tmp_path / "seed-0"
    shutil.copytree(trained, out)
    with pytest.raises(EdgepruneError, match=message):
        run(**arguments(inputs, out, **changes))
    assert sorted(p.name for p in out.iterdir()) == FILES
    assert all((out / f).read_bytes() == (trained / f).read_bytes() for f in FILES)


def test_a_failure_while_writing_leaves_earlier_results_alone(inputs, trained, tmp_path, monkeypatch):
    out = tmp_path / "seed-0"
    shutil.copytree(trained, out)
    real, written = Path.write_bytes, []

    def full_disk(path, data):
        written.append(path.name)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(EdgepruneError, match="No space left"):
        run(**arguments(inputs, out, seed=5, recipe={**RECIPE, "epochs": 1}))
    assert len(written) == 3
    assert sorted(p.name for p in out.iterdir()) == FILES
    assert all((out / f).read_bytes() == (trained / f).read_bytes() for f in FILES)


def test_a_plan_of_another_network_is_refused(inputs, tmp_path):
    other = profile(vgg8(width=0.5), (1, 8, 8))
    sample(other, "PA", 0.5, 0).save(tmp_path / "plan.json")
    with pytest.raises(EdgepruneError, match="another network"):
        run(**arguments(inputs, tmp_path, plan=str(tmp_path / "plan.json")))


def test_what_cannot_be_exported_costs_no_training(inputs, tmp_path, monkeypatch):
    from edgeprune.export import onnx as exporter
    from edgeprune.training import engine

    monkeypatch.setattr(exporter, "to_bytes", late_failure)
    monkeypatch.setattr(engine.Engine, "run", lambda *_, **__: pytest.fail("trained first"))
    with pytest.raises(EdgepruneError, match="too late"):
        run(**arguments(inputs, tmp_path))


def test_another_task_is_refused(inputs, tmp_path):
    data = trainingdata.noise_dataset(tmp_path / "d", task="clairvoyance")
    with pytest.raises(EdgepruneError, match="no task 'clairvoyance'"):
        run(**arguments(inputs, tmp_path, data=str(data)))


def test_a_changed_factory_is_noticed_on_restoring(inputs, trained, tmp_path):
    value = checkpoint.load(trained / "model.pt")
    value["factory"] = {"factory": "edgeprune.networks.vgg:vgg8", "args": {"width": 0.5}}
    checkpoint.save(tmp_path / "model.pt", value)
    with pytest.raises(EdgepruneError):
        load_model(tmp_path / "model.pt")
    checkpoint.save(tmp_path / "part.pt", {key: value[key] for key in value if key != "plan"})
    with pytest.raises(EdgepruneError, match=r"part\.pt: plan: holds no network"):
        edgeprune.load(tmp_path / "part.pt")


def test_profile_script(inputs, tmp_path):
    given = ["--network", "small", "--spec", '"edgeprune.networks.mobilenet:mobilenetv2_small"']
    given += ["--data", str(inputs / "digits"), "--out-profile", str(tmp_path / "profile.json")]
    given += ["--out-table", str(tmp_path / "layers.csv")]
    main = runpy.run_path(str(ROOT / "scripts" / "profile_network.py"))["main"]
    assert entrypoint.run(main, given) == 0
    value = json.loads((tmp_path / "profile.json").read_text())
    rows = list(csv.DictReader((tmp_path / "layers.csv").open()))
    assert value["network"] == "small"
    assert [r["layer"] for r in rows] == [layer["name"] for layer in value["layers"]]
    assert sum(int(r["flops"]) for r in rows) == value["totals"]["flops"]
    for mode in ("PA", "FA", "MA"):
        assert sum(float(r[f"share_{mode}"]) for r in rows) == pytest.approx(1)


def test_script_ends_cleanly_on_a_users_mistake(inputs, tmp_path, capsys):
    given = ["--network", "mine", "--spec", '"nowhere.py:f"', "--data", str(inputs / "digits")]
    given += ["--out-profile", str(tmp_path / "p.json"), "--out-table", str(tmp_path / "l.csv")]
    main = runpy.run_path(str(ROOT / "scripts" / "profile_network.py"))["main"]
    assert entrypoint.run(main, given) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: networks.mine.factory: there is no file 'nowhere.py'")
    assert "remedy:" in message
    assert not list(tmp_path.iterdir())
