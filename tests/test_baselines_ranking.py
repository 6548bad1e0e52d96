"""What the baselines choose: Torch-Pruning's channels where it can prune, and as sound a choice where it fails."""

import pytest
import torch
import torch_pruning
from torch import nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from edgeprune.baselines import methods, ranking
from edgeprune.baselines.prune import prune_trained
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES, COUNTED
from edgeprune.networks.alexnet import alexnet
from edgeprune.networks.mobilenet import mobilenetv2, mobilenetv2_small
from edgeprune.networks.resnet import resnet50
from edgeprune.networks.vgg import vgg8, vgg16
from edgeprune.surgery.keep import _channels
from edgeprune.tracing.profile import profile
from helpers.zoo import ZOO, shapes_of

torch.set_num_threads(1)
SHAPE = (3, 32, 32)
IMPORTANCE = {
    "l1": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=1),
    "fpgm": torch_pruning.importance.FPGMImportance,
    "lamp": torch_pruning.importance.LAMPImportance,
}
NETWORKS = {
    "vgg16": (lambda: vgg16(width=0.125), SHAPE),
    "alexnet": (lambda: alexnet(width=0.0625), SHAPE),
    "mobilenetv2": (lambda: mobilenetv2(width=0.25), SHAPE),
    "resnet50": (lambda: resnet50(width=0.125), SHAPE),
    "vgg8": (vgg8, (1, 8, 8)),
    "mobilenetv2-small": (mobilenetv2_small, (1, 8, 8)),
}


def distinct(make):
    """A network with random weights, its norms' too: no two filters alike."""
    torch.manual_seed(0)
    model = make().eval()
    for tensor in model.parameters():
        if tensor.dim() == 1:
            nn.init.uniform_(tensor, 0.5, 1.5)
    return model


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("method", BASELINES)
def test_channels_are_those_that_torch_pruning_keeps(name, method):
    """Its own pruner: at our widths of each layer; where all compete, told no more than how many filters go in all."""
    make, shape = NETWORKS[name]
    model = distinct(make)
    dense = profile(model, shape, network=name)
    ours, plan = prune_trained(model, dense, method=method, mode="FA", target=0.4, settings={"min_channels": 1})
    modules = dict(model.named_modules())
    if methods.get(method).across:
        assert min(plan.widths.values()) > 1  # the library knows no floor
        ratio = {"pruning_ratio": 1 - (sum(plan.widths.values()) + 0.5) / sum(dense.widths.values())}
    else:
        writers = [(modules[layer.name], layer.out[0][1]) for layer in dense.layers if layer.name not in dense.frozen]
        ratio = {"pruning_ratio_dict": {m: 1 - (plan.widths[g] + 0.5) / dense.widths[g] for m, g in writers}}
    torch_pruning.pruner.BasePruner(
        model,
        torch.zeros(1, *shape),
        importance=IMPORTANCE[method](),
        global_pruning=methods.get(method).across,
        ignored_layers=[modules[name] for name in dense.frozen],
        in_channel_groups={},  # the defaults of these are dicts that all pruners of a process would share
        out_channel_groups={},
        num_heads={},
        **ratio,
    ).step()
    theirs = model.state_dict()
    assert ours.state_dict().keys() == theirs.keys()
    for key, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs[key]), key
    images = torch.randn(2, *shape)
    assert torch.allclose(ours(images), model(images), atol=1e-5)


def conv(inputs, filters, **more):
    return nn.Conv2d(inputs, filters, 3, padding=1, **more)


class SuperResolution(nn.Module):
    """EDSR in small: residual blocks, a long skip, a pixel shuffle before which a unit stands for four channels."""

    def __init__(self):
        super().__init__()
        self.head, self.up, self.tail = conv(1, 24), conv(24, 64), conv(16, 1)
        self.body = nn.ModuleList(nn.Sequential(conv(24, 24), nn.ReLU(), conv(24, 24)) for _ in range(2))

    def forward(self, x):
        first = x = self.head(x)
        for block in self.body:
            x = x + block(x)
        return {"image": self.tail(F.pixel_shuffle(self.up(x + first), 2))}


class Detector(nn.Module):
    """C2f in small: halves, a chain of bottlenecks, all concatenated; two scales, each with an output."""

    def __init__(self):
        super().__init__()
        self.stem, self.cv1, self.cv2 = conv(1, 24), nn.Conv2d(24, 32, 1), nn.Conv2d(64, 32, 1)
        self.chain = nn.ModuleList(conv(16, 16) for _ in range(2))
        self.down, self.heads = nn.Conv2d(32, 32, 3, 2, 1), nn.ModuleList(conv(32, 5) for _ in range(2))

    def forward(self, x):
        parts = list(self.cv1(self.stem(x).relu()).chunk(2, 1))
        for layer in self.chain:
            parts.append(layer(parts[-1]))
        fine = self.cv2(torch.cat(parts, 1)).relu()
        return [self.heads[0](fine), self.heads[1](self.down(fine).relu())]


class Grouped(nn.Module):
    """A convolution of 4 groups: this project removes whole groups, Torch-Pruning filters of every group."""

    def __init__(self):
        super().__init__()
        self.first, self.grouped, self.last = conv(1, 32), conv(32, 32, groups=4), conv(32, 10)

    def forward(self, x):
        return self.last(self.grouped(self.first(x).relu()).relu()).mean((2, 3))


@pytest.mark.parametrize("make", [SuperResolution, Detector, Grouped])
@pytest.mark.parametrize("method", BASELINES)
@pytest.mark.parametrize(("mode", "target"), [("PA", 0.6), ("FA", 0.5), ("MA", 0.4)])
def test_where_torch_pruning_fails_the_best_units_stay(make, method, mode, target):
    """To the budget but for one unit; and the network is the dense one without its units of least score."""
    model = distinct(make)
    dense = profile(model, (1, 16, 16), network="mine")
    pruned, plan = prune_trained(model, dense, method=method, mode=mode, target=target)
    assert sum(p.numel() for p in pruned.parameters()) == plan.totals["params"]
    limit, resource = (1 - target) * dense.totals[COUNTED[mode]], COUNTED[mode]
    thinned = [name for name, units in plan.widths.items() if units < dense.widths[name]]
    next_up = max(dense.total(resource, plan.widths | {name: plan.widths[name] + 1}) for name in thinned)
    assert plan.totals[resource] <= limit < next_up

    scores = ranking.scores(model, dense, methods.get(method))
    best = {name: scores[name].topk(units).indices for name, units in plan.widths.items()}
    tensors = dict(model.named_parameters())
    for slot in dense.slots:
        for axis, expr in enumerate(slot.dims):
            mask = torch.zeros(tensors[slot.name].shape[axis])
            mask[_channels(expr, best, dense.widths)] = 1
            tensors[slot.name].data.transpose(axis, -1).mul_(mask)
    images = torch.randn(2, 1, 16, 16)
    for found, expected in zip(tree_leaves(pruned(images)), tree_leaves(model(images)), strict=True):
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_unit_before_a_pixel_shuffle_has_the_norm_of_its_four_channels():
    model = distinct(SuperResolution)
    found = ranking.scores(model, profile(model, (1, 16, 16)), methods.get("l1"))["up"]
    written, read = (layer.weight.detach().abs() for layer in (model.up, model.tail))
    assert torch.allclose(found.float(), written.view(16, -1).sum(1) + read.sum((0, 2, 3)))


def test_a_dead_layer_goes_first():
    model = distinct(Detector)
    for layer in (model.down, model.heads[1]):
        nn.init.zeros_(layer.weight)
    dense = profile(model, (1, 16, 16))
    _, plan = prune_trained(model, dense, method="lamp", mode="PA", target=0.2, settings={"min_channels": 3})
    assert plan.widths["down"] == 3
    assert plan.widths["cv2"] > 16


@pytest.mark.parametrize("name", ZOO)
def test_any_network_can_be_ranked_but_for_units_that_are_no_certain_channels(name):
    make, shape = ZOO[name]
    model = distinct(make)
    dense = profile(model, shapes_of(shape), network="mine")
    given = {"method": "l1", "mode": "PA", "target": 0.1}
    assert bool(dense.count_only) == (
        name in {"shuffle", "standardised", "normalised", "channel_attention", "cross-covariance"}
    )
    if dense.count_only:
        with pytest.raises(EdgepruneError, match="mine cannot be pruned by L1: the weights of") as caught:
            prune_trained(model, dense, **given)
        assert caught.value.key == "references.l1"
        given["settings"] = {"protect": list(dense.count_only)}
    _, plan = prune_trained(model, dense, **given)
    assert plan.reduction["params"] >= 0.1


def test_an_unknown_method_is_refused_with_those_known():
    with pytest.raises(EdgepruneError, match="fpgm"):
        methods.get("l3")
