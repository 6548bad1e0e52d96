"""ONNX files: right, reproducible, small, and clear about why not."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from edgeprune.errors import EdgepruneError
from edgeprune.export import onnx as exporter
from edgeprune.networks.mobilenet import mobilenetv2_small
from edgeprune.networks.resnet import resnet8
from edgeprune.networks.vgg import vgg8

torch.set_num_threads(1)


@pytest.fixture(params=[vgg8, mobilenetv2_small, resnet8], ids=lambda f: f.__name__)
def network(request):
    torch.manual_seed(0)
    model = request.param()
    with torch.no_grad():
        model.train()(torch.randn(32, 1, 8, 8))  # batch norm's statistics no longer the trivial ones
    return model


def test_export_computes_what_the_network_does(network, tmp_path):
    import onnxruntime

    path = tmp_path / "model.onnx"
    assert exporter.export(network, (1, 8, 8), path) < 1e-4
    assert network.training  # left as it was
    session = onnxruntime.InferenceSession(path)
    (given,), (taken,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape, taken.name, taken.shape) == ("input", [1, 1, 8, 8], "output", [1, 10])
    image = torch.randn(1, 1, 8, 8)
    with torch.no_grad():
        expected = network.eval()(image)
    found = session.run(None, {"input": image.numpy()})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_bytes_are_reproducible_and_follow_the_parameters(network):
    data = exporter.to_bytes(network, (1, 8, 8))
    assert data == exporter.to_bytes(network, (1, 8, 8))
    weights = 4 * sum(p.numel() for p in network.parameters())
    assert 0.8 * weights < len(data) < 1.2 * weights + 20_000


def test_falls_back_to_the_other_exporter(monkeypatch):
    model = vgg8(width=0.25)
    monkeypatch.setattr(exporter, "_by_tracing", lambda *_: (_ for _ in ()).throw(RuntimeError("gone")))
    data = exporter.to_bytes(model, (1, 8, 8))
    assert exporter.check(data, model, (1, 8, 8)) < 1e-4
    assert data == exporter.to_bytes(model, (1, 8, 8))


class Unexportable(nn.Module):
    def forward(self, x):
        return torch.linalg.eigvals(x[0, 0]).real[None]


def test_what_cannot_be_exported_is_said(monkeypatch):
    # the second exporter's two seconds are spent in the test above
    monkeypatch.setattr(exporter, "_by_graph_capture", lambda *_: (_ for _ in ()).throw(RuntimeError("no rule")))
    with pytest.raises(EdgepruneError, match=r"(?s)linalg_eigvals.*no rule.*--no-onnx"):
        exporter.to_bytes(Unexportable(), (1, 8, 8))


def test_a_wrong_file_is_refused(network):
    data = exporter.to_bytes(network, (1, 8, 8))
    with torch.no_grad():
        network.classifier.bias.add_(1) if hasattr(network.classifier, "bias") else network.classifier[-1].bias.add_(1)
    with pytest.raises(EdgepruneError, match="differs by 1"):
        exporter.check(data, network, (1, 8, 8))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_missing_package_is_named(package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EdgepruneError, match=f"the {package} package is not installed.*\n.*--no-onnx"):
        exporter.export(vgg8(), (1, 8, 8), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
