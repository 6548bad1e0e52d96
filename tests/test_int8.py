"""int8 files: small, reproducible, scored by an evaluator that agrees with the training's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeprune.data.scaling import normalise
from edgeprune.errors import EdgepruneError
from edgeprune.export import batch_norm, evaluate, int8
from edgeprune.export import onnx as exporter
from edgeprune.names import IDENTITY
from edgeprune.networks.mobilenet import mobilenetv2_small
from edgeprune.networks.vgg import vgg8
from edgeprune.training.dataset import Dataset
from helpers.trainingdata import raw, write_dataset

torch.set_num_threads(1)
SCRIPT = Path(__file__).parents[1] / "scripts" / "quantize_model.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four classes, told by the quarter of the image that is bright."""
    random, images, targets = np.random.default_rng(0), {}, {}
    for split, count in (("train", 240), ("val", 81), ("test", 83)):
        targets[split] = np.arange(count) % 4
        images[split] = random.integers(0, 120, (count, 1, 8, 8), dtype=np.uint8)
        for image, label in zip(images[split], targets[split]):
            image[0, 4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 100
    return write_dataset(tmp_path_factory.mktemp("data") / "quarters", images, targets, 4)


@pytest.fixture(scope="module", params=[vgg8, mobilenetv2_small], ids=lambda f: f.__name__)
def run(request, folder, tmp_path_factory):
    """A network that learnt the data, exported, and its metrics as the training counts them."""
    torch.manual_seed(0)
    dataset, model = Dataset(folder), request.param(num_classes=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    inputs, labels = raw(dataset, "train")
    inputs = dataset.normalise(inputs)
    for _ in range(4):
        for part in torch.randperm(len(labels)).split(24):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs[part]), labels[part]).backward()
            optimizer.step()
    where, scores = tmp_path_factory.mktemp("run"), {}
    exporter.export(model, (1, 8, 8), where / "model.onnx")
    with torch.no_grad():
        for split in ("val", "test"):
            accumulator = dataset.task.accumulator()
            images, truth = raw(dataset, split)
            accumulator.update({"output": model.eval()(dataset.normalise(images)).numpy()}, truth.numpy())
            scores[split] = accumulator.result()
    known = dict.fromkeys(IDENTITY, "x") | {"task": "classification", "target": None, "seed": 0}
    (where / "metrics.json").write_text(json.dumps({**known, **scores}))
    return where, scores


def test_normalisation_is_the_trainings(folder):
    dataset = Dataset(folder)
    images, _ = raw(dataset, "val")
    np.testing.assert_array_equal(normalise(images.numpy(), dataset.manifest), dataset.normalise(images).numpy())


def test_quantised_files_do_as_well_and_are_smaller(run, folder):
    where, scores = run
    content, value = int8.quantise(where / "model.onnx", folder, where / "metrics.json")
    for split in ("val", "test"):
        assert value["fp32"][split]["accuracy"] == scores[split]["accuracy"] > 0.9
        assert value["fp32"][split]["loss"] == pytest.approx(scores[split]["loss"], rel=1e-3)
        assert abs(value[split]["accuracy"] - scores[split]["accuracy"]) < 0.05
    assert value["model_bytes"]["int8"] == len(content)
    assert value["model_bytes"]["fp32"] == (where / "model.onnx").stat().st_size
    import onnx

    graph = onnx.load_from_string(content).graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    scales = {node.input[0]: node.input[1] for node in graph.node if node.op_type == "DequantizeLinear"}
    quantised = [t for t in weights.values() if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4]
    assert len(quantised) == sum(node.op_type == "Conv" for node in graph.node) > 3
    assert all(list(weights[scales[t.name]].dims) == [t.dims[0]] for t in quantised)  # a scale for each filter
    largest = max(np.abs(onnx.numpy_helper.to_array(t).astype(int)).max() for t in quantised)
    assert 60 < largest <= 64  # 7 bits: two products with a byte fit into 16
    assert content == int8.to_bytes(where / "model.onnx", int8.calibration(folder))


def test_calibration_sees_training_images_only(folder):
    images = int8.calibration(folder, images=50)
    dataset = Dataset(folder)
    train = {image.tobytes() for image in dataset.normalise(raw(dataset, "train")[0]).numpy()}
    assert len({image.tobytes() for image in images}) == 50
    assert {image.tobytes() for image in images} <= train


def test_a_file_that_scores_otherwise_than_its_training_is_refused(run, folder, tmp_path):
    where, _ = run
    metrics = json.loads((where / "metrics.json").read_text())
    metrics["val"]["accuracy"] = 0.5
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(EdgepruneError, match=r"the training found 0\.5000"):
        int8.quantise(where / "model.onnx", folder, tmp_path / "metrics.json")
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(EdgepruneError, match="not a run's metrics"):
        int8.quantise(where / "model.onnx", folder, tmp_path / "metrics.json")


class PreActivated(torch.nn.Module):
    """Batch norm before the convolution, and after two that are joined: no exporter can fold these."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(8)
        self.left, self.right = (torch.nn.Conv2d(1, 4, 3, padding=1) for _ in range(2))
        self.head = torch.nn.Linear(8, 4)

    def forward(self, x):
        x = self.first(x).relu()
        x = self.second(torch.cat([self.left(x), self.right(x)], 1)).relu()
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("factory", [lambda: vgg8(num_classes=4), PreActivated], ids=["after Gemm", "pre-activated"])
def test_no_batch_norm_stays_float(factory, folder, tmp_path):
    """vgg8's second last layer is a Gemm with batch norm behind it, which the exporter leaves alone."""
    import onnx

    torch.manual_seed(0)
    model = factory().eval()
    for module in model.modules():
        if hasattr(module, "running_var"):
            module.running_mean.normal_(), module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2), module.bias.data.normal_()
    exporter.export(model, (1, 8, 8), tmp_path / "model.onnx")
    assert "BatchNormalization" in {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    images = int8.calibration(folder)
    content = int8.to_bytes(tmp_path / "model.onnx", images)
    assert "BatchNormalization" not in {node.op_type for node in onnx.load_from_string(content).graph.node}
    expected = model(torch.from_numpy(images)).detach().numpy()
    found = evaluate.Runner(content, threads=1)(images)["output"]
    assert np.abs(found - expected).max() < 0.03 * np.ptp(expected)
    folded = batch_norm.folded(onnx.load(tmp_path / "model.onnx")).SerializeToString()
    np.testing.assert_allclose(evaluate.Runner(folded, threads=1)(images)["output"], expected, rtol=1e-4, atol=1e-5)


class WritesItsBatch(torch.nn.Module):
    """Its reshape has the batch of 1 written into it."""

    def forward(self, x):
        return x.reshape(1, 64)[:, :4]


def test_a_network_with_its_batch_written_into_it_runs_image_by_image(folder):
    content = exporter.to_bytes(WritesItsBatch(), (1, 8, 8))
    runner = evaluate.Runner(content, threads=1)
    images = np.random.default_rng(0).standard_normal((5, 1, 8, 8), dtype="f4")
    np.testing.assert_array_equal(runner(images)["output"], images.reshape(5, 64)[:, :4])
    assert runner.batched is None
    runner = evaluate.Runner(content, threads=1)
    assert len(runner(images[:1])["output"]) == 1  # tells nothing yet of batches
    np.testing.assert_array_equal(runner(images)["output"], images.reshape(5, 64)[:, :4])
    assert evaluate.Runner(exporter.to_bytes(vgg8(), (1, 8, 8)), threads=1)(images)["output"].shape == (5, 10)


def test_the_script_needs_no_torch(run, folder, tmp_path):
    where, _ = run
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--model", str(where / "model.onnx")]
    command += ["--metrics", str(where / "metrics.json"), "--data", str(folder), "--out", str(tmp_path / "out")]
    env = {"PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    assert not [line for line in done.stderr.splitlines() if line.split("|")[-1].strip() == "torch"]
    value = json.loads((tmp_path / "out/quantized.json").read_text())
    assert (value["format"], value["version"]) == ("edgeprune.quantized", 1)
    assert (tmp_path / "out/model.onnx").stat().st_size == value["model_bytes"]["int8"]
    assert "in int8: val accuracy" in done.stderr
