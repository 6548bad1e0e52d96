"""The networks of docs/support.md: their names, and each one built."""

import logging
import os
from importlib.util import find_spec
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode
from yolo import DETECTORS

from edgeprune.tracing.counting import MacCounter

ROOT = Path(__file__).resolve().parent.parent
TRANSFORMERS = ("vit_", "swin_", "maxvit")
HEADS = ("fcn_", "deeplabv3_", "lraspp_")
SIDES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
#: Sides at which figures are taken, in this order the first that a network takes.
ORDINARY = (64, 96, 128, 160, 192, 224, 256, 288, 384)
#: segmentation_models_pytorch: every decoder on one encoder, and encoders that others have not under one decoder.
DECODERS = (
    "Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "PAN", "DeepLabV3", "DeepLabV3Plus", "UPerNet",
    "Segformer",
)  # fmt: skip
ENCODERS = (
    "mobilenet_v2",
    "efficientnet-b0",
    "densenet121",
    "vgg11_bn",
    "se_resnet50",
    "dpn68",
    "inceptionv4",
    "mit_b0",
)


class Unallocated(TorchFunctionMode):
    """Parameters without data while a network is built; arithmetic in constructors stays possible."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def names():
    """``{name: kind}`` of everything in the table that is installed; imports what builds it."""
    import torchvision
    from torchvision.models import list_models, segmentation

    from helpers.architectures import ARCHITECTURES
    from helpers.tasknetworks import PUBLISHED
    from helpers.zoo import ZOO

    found = {n: "torchvision" for n in list_models(module=torchvision.models) if not n.startswith(TRANSFORMERS)}
    found |= {n: "torchvision" for n in list_models(module=segmentation) if n.startswith(HEADS)}
    os.environ["HF_HUB_OFFLINE"] = "1"
    if find_spec("timm"):
        import timm  # noqa: F401

        families = (ROOT / "benchmarks" / "timm_families.txt").read_text().split()
        found |= {f"timm {n}": "timm" for n in families}
    if find_spec("segmentation_models_pytorch"):
        import segmentation_models_pytorch  # noqa: F401

        chosen = [f"{d} resnet18" for d in DECODERS] + [f"Unet {e}" for e in ENCODERS]
        found |= {f"smp {n}": "smp" for n in chosen}
    found |= dict.fromkeys(DETECTORS, "detector") | dict.fromkeys(PUBLISHED, "own")
    return found | dict.fromkeys(ARCHITECTURES, "architecture") | dict.fromkeys(ZOO, "structure")


def made(name, kind):
    """``(network, channels or full input shapes)``, on the CPU."""
    logging.disable(logging.WARNING)
    if kind == "timm":
        import timm

        model = timm.create_model(name.split()[1], pretrained=False)
        size = model.pretrained_cfg["input_size"]
        return model, (size if model.pretrained_cfg.get("fixed_input_size") else size[0])
    if kind == "smp":
        import segmentation_models_pytorch

        _, decoder, encoder = name.split()
        return getattr(segmentation_models_pytorch, decoder)(encoder, encoder_weights=None), 3
    if kind == "torchvision":
        from torchvision.models import get_model

        backbone = {"weights_backbone": None} if name.startswith(HEADS) else {}
        return get_model(name, weights=None, **backbone), 3
    if kind == "detector":
        return DETECTORS[name](), 3
    from helpers.architectures import ARCHITECTURES
    from helpers.tasknetworks import PUBLISHED
    from helpers.zoo import ZOO

    factory, shape = {"own": PUBLISHED, "architecture": ARCHITECTURES, "structure": ZOO}[kind][name]
    return factory(), shape


def without_data(name, kind):
    """:func:`made` on the meta device; those of collections whose constructors compute with tensors, after them."""
    if kind in ("timm", "smp"):
        model, shape = made(name, kind)
        return model.to("meta"), shape
    with Unallocated():
        model, shape = made(name, kind)
        return model.to("meta"), shape


def shapes_of(model, shape):
    """Input shapes at which the figures are taken."""
    if not isinstance(shape, int):
        return [shape] if isinstance(shape, tuple) else list(shape)
    side = next((side for side in ORDINARY if legal(model, shape, side)), ORDINARY[-1])
    return [(shape, side, side)]


def smallest(model, channels):
    """The smallest side of a square input that both modes take, between powers of two by bisection."""
    high = next(side for side in SIDES if legal(model, channels, side))
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if legal(model, channels, middle) else (middle, high)
    return high


def legal(model, channels, side):
    """Whether a network without data takes square inputs of that side in both modes."""
    try:
        for training in (True, False):
            with MacCounter():  # torch itself accepts empty maps on the meta device
                outputs(model, [(channels, side, side)], training)
    except (RuntimeError, ValueError, ZeroDivisionError, NotImplementedError, AssertionError):
        return False
    return True


def outputs(model, shapes, training=False, device="meta"):
    """Shapes of all results for a batch of two."""
    model.train(training)
    with torch.no_grad():
        result = model(*[torch.zeros(2, *s, device=device) for s in shapes])
    return [tuple(t.shape) for t in flat(result)]


def flat(value):
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else None
    return [value] if values is None else [t for v in values for t in flat(v)]
