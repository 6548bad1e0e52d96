"""What training on an NVIDIA GPU promises; skipped where there is none."""

import io

import pytest
import torch

from edgeprune.config.recipe import Recipe
from edgeprune.networks.mobilenet import mobilenetv2_small
from edgeprune.networks.vgg import vgg8
from edgeprune.training import checkpoint, device
from edgeprune.training.clock import Clock
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine
from edgeprune.training.run import run
from helpers.interrupted import arguments, make_inputs
from helpers.trainingdata import noise_dataset

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")

SETTINGS = {"augment": ("flip", "crop", "cutout"), "precision": "auto", "schedule": "one-cycle", "warmup_epochs": 1}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    cuda = device.choose("cuda")
    device.prepare(cuda, 1)
    return Dataset(noise_dataset(tmp_path_factory.mktemp("data"), count=110, shape=(3, 16, 16)), cuda)


def trained(factory, dataset, stop_after=None, state=None, **settings):
    """Weights and history after three epochs, or the state where it was stopped."""
    torch.manual_seed(0)
    model = factory(num_classes=4, in_channels=3, **({"input_size": 16, "dropout": 0.5} if factory is vgg8 else {}))
    engine = Engine(model.cuda(), dataset, Recipe(epochs=3, batch_size=16, **SETTINGS | settings), seed=0)
    if state:
        engine.load_state_dict(state)
    steps = iter(range(1000))
    if not engine.run(stop=lambda: stop_after is not None and next(steps) >= stop_after):
        data = io.BytesIO(checkpoint.to_bytes(engine.state_dict()))
        return torch.load(data, map_location="cpu", weights_only=True)
    return {name: tensor.cpu() for name, tensor in engine.trained.state_dict().items()}, engine.history


def assert_equal(one, other):
    assert one[1] == other[1]
    for name, tensor in one[0].items():
        assert torch.equal(tensor, other[0][name]), name


@pytest.mark.parametrize("factory", [vgg8, mobilenetv2_small])
@pytest.mark.parametrize("compile", [False, "graph"])
def test_twice_the_same_bits(factory, compile, dataset):
    assert_equal(trained(factory, dataset, compile=compile), trained(factory, dataset, compile=compile))


@pytest.mark.parametrize("more", [{}, {"ema_decay": 0.9, "bn_l1": 1e-4}, {"optimizer": "adamw", "lr": 0.001}])
def test_a_recorded_step_computes_what_its_kernels_do_one_by_one(more, dataset):
    assert_equal(trained(vgg8, dataset, compile="graph", **more), trained(vgg8, dataset, compile=False, **more))


@pytest.mark.parametrize("compile", [False, "graph"])
@pytest.mark.parametrize("steps", [2, 7, 12])
def test_a_stopped_training_goes_on_to_the_same_bits(steps, compile, dataset):
    state = trained(vgg8, dataset, stop_after=steps, compile=compile)
    assert state["partial"]["step"] == steps % 7
    assert_equal(trained(vgg8, dataset, state=state, compile=compile), trained(vgg8, dataset, compile=compile))


def test_a_run_on_a_gpu_writes_all_its_files(tmp_path):
    inputs = make_inputs(tmp_path)
    given = arguments(inputs, tmp_path / "out")
    given["recipe"] = given["recipe"] | {"device": "cuda", "precision": "auto", "compile": "graph"}
    metrics = run(**given | {"onnx": True})
    assert metrics["engine"] == {"device": "cuda", "precision": "bf16", "threads": 1}
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"model.pt", "model.onnx", "metrics.json", "timing.json"}


def test_the_gpus_energy_is_read_or_the_reason_is_given():
    clock = Clock(torch.device("cuda"))
    torch.ones(1000, 1000, device="cuda").sum().item()
    seconds, joules = clock.read()
    assert seconds > 0
    assert (joules is None) == bool(clock.reason)
