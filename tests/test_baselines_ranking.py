"""What the baselines choose: the channels that Torch-Pruning chooses where it can, and as sound a choice where it fails."""

import pytest
import torch
import torch_pruning
from torch import nn
from torch.nn import functional as F

from edgeprune.baselines.prune import prune_trained
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES, COUNTED
from edgeprune.networks.alexnet import alexnet
from edgeprune.networks.mobilenet import mobilenetv2
from edgeprune.networks.resnet import resnet50
from edgeprune.networks.vgg import vgg16
from edgeprune.tracing.profile import profile
from helpers.zoo_layouts import Shuffle

torch.set_num_threads(1)
SHAPE = (3, 32, 32)
IMPORTANCE = {
    "l1": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=1),
    "fpgm": torch_pruning.importance.FPGMImportance,
    "lamp": torch_pruning.importance.LAMPImportance,
}
NETWORKS = {
    "vgg16": lambda: vgg16(width=0.125),
    "alexnet": lambda: alexnet(width=0.0625),
    "mobilenetv2": lambda: mobilenetv2(width=0.25),
    "resnet50": lambda: resnet50(width=0.125),
}


def distinct(make):
    """A network with random weights, its norms' too."""
    torch.manual_seed(0)
    model = make().eval()
    for tensor in model.parameters():
        if tensor.dim() == 1:
            nn.init.uniform_(tensor, 0.5, 1.5)
    return model


def library(model, method, outputs, **settings):
    """``model``, pruned in place by Torch-Pruning's own pruner; ``outputs``: names of layers that stay whole."""
    modules = dict(model.named_modules())
    torch_pruning.pruner.BasePruner(
        model,
        torch.zeros(1, *SHAPE),
        importance=IMPORTANCE[method](),
        ignored_layers=[modules[name] for name in outputs],
        in_channel_groups={},
        out_channel_groups={},
        num_heads={},
        **settings,
    ).step()
    return model.state_dict()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("method", BASELINES)
def test_channels_are_those_of_torch_pruning(name, method):
    """Where each layer loses its fraction: at the widths of our plan. Where all compete, at the same ratio of all."""
    model = distinct(NETWORKS[name])
    dense = profile(model, SHAPE, network=name)
    ours, plan = prune_trained(
        model, dense, method=method, mode="FA", target=0.4, settings={"min_channels": 1, "draw": "filter"}
    )
    if method == "lamp":
        kept, total = sum(plan.widths.values()), sum(dense.widths.values())
        assert min(plan.widths.values()) > 1  # the library has no floor
        settings = {"global_pruning": True, "pruning_ratio": 1 - (kept + 0.5) / total}
    else:
        modules = dict(model.named_modules())
        ratios = {
            modules[layer.name]: 1 - (plan.widths[group] + 0.5) / dense.widths[group]
            for layer in dense.layers
            for _, group in layer.out
            if group is not None
        }
        settings = {"pruning_ratio_dict": ratios}
    theirs = library(model, method, dense.frozen, **settings)
    assert ours.state_dict().keys() == theirs.keys()
    for key, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs[key]), key


def conv(inputs, filters):
    return nn.Conv2d(inputs, filters, 3, padding=1)


class SuperResolution(nn.Module):
    """EDSR in small: residual blocks, a long skip, a pixel shuffle after which a unit stands for four channels."""

    def __init__(self):
        super().__init__()
        self.head, self.up, self.tail = conv(3, 24), conv(24, 64), conv(16, 3)
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
        self.stem, self.cv1, self.cv2 = conv(3, 24), nn.Conv2d(24, 32, 1), nn.Conv2d(64, 32, 1)
        self.chain = nn.ModuleList(conv(16, 16) for _ in range(2))
        self.down, self.heads = nn.Conv2d(32, 32, 3, 2, 1), nn.ModuleList(conv(32, 5) for _ in range(2))

    def forward(self, x):
        parts = list(self.cv1(self.stem(x).relu()).chunk(2, 1))
        for layer in self.chain:
            parts.append(layer(parts[-1]))
        fine = self.cv2(torch.cat(parts, 1)).relu()
        return [self.heads[0](fine), self.heads[1](self.down(fine).relu())]


@pytest.mark.parametrize("make", [SuperResolution, Detector])
@pytest.mark.parametrize("method", BASELINES)
@pytest.mark.parametrize(("mode", "target"), [("PA", 0.6), ("FA", 0.5), ("MA", 0.4)])
def test_pixel_shuffles_and_several_outputs(make, method, mode, target):
    model = distinct(make)
    dense = profile(model, SHAPE, network="mine")
    pruned, plan = prune_trained(model, dense, method=method, mode=mode, target=target)
    limit = (1 - target) * dense.totals[COUNTED[mode]]
    assert sum(p.numel() for p in pruned.parameters()) == plan.totals["params"]
    wider = [dense.total(COUNTED[mode], plan.widths | {g: w + 1}) for g, w in plan.widths.items() if w < dense.widths[g]]
    assert plan.totals[COUNTED[mode]] <= limit < max(wider)
