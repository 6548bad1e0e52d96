"""ONNX files: right, reproducible, small, and clear about why not."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

import edgeprune
from edgeprune.errors import EdgepruneError
from edgeprune.export import onnx as exporter
from edgeprune.networks.mobilenet import mobilenetv2_small
from edgeprune.networks.resnet import resnet8
from edgeprune.networks.resolve import build
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


@pytest.mark.parametrize("factory", ["vgg:vgg16", "alexnet:alexnet", "mobilenet:mobilenetv2", "resnet:resnet50"])
def test_files_of_pruned_networks_are_right_and_shrink_with_the_parameters(factory):
    torch.manual_seed(0)
    hidden = {"hidden": (64, 64)} if factory.startswith(("vgg", "alexnet")) else {}
    spec = {"factory": f"edgeprune.networks.{factory}", "args": {"width": 0.125, **hidden}}
    dense = build(spec, num_classes=10, in_channels=3, input_size=32)
    with torch.no_grad():
        dense.train()(torch.randn(8, 3, 32, 32))
    plan = edgeprune.sample(edgeprune.profile(dense, (3, 32, 32)), "PA", 0.5, seed=0, round_to=1)
    sizes = []
    for model in (dense, edgeprune.prune(dense, plan)):
        data = exporter.to_bytes(model, (3, 32, 32))
        assert exporter.check(data, model, (3, 32, 32)) < 1e-3
        # batch norm is folded into the convolutions: of its parameters and the weights, the file has the weights
        weights = 4 * sum(p.numel() for p in model.parameters() if p.dim() > 1)
        extra = len(data) - weights
        sizes.append((weights, extra))
    (before, extra), (after, rest) = sizes
    assert after < 0.55 * before
    assert abs(extra - rest) < 0.06 * before  # all that is left over is names, shapes and biases


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


class Uneven(nn.Module):
    """Pools to a size that does not divide the input's, which the tracing exporter cannot export."""

    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 3) + x.mean()


def test_what_tracing_cannot_export_is_not_printed(capfd):
    content = exporter.to_bytes(nn.Sequential(nn.Conv2d(1, 2, 3), Uneven()), (1, 10, 12))
    assert content
    out, _ = capfd.readouterr()
    assert "graph(" not in out
