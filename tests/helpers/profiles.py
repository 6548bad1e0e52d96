"""Profiles made by hand, so that sampling is tested without torch and apart from tracing."""

from edgeprune.complexity.parts import Group, Layer, Lifetime, Product, TensorShape
from edgeprune.complexity.profile import Profile
from edgeprune.complexity.width import constant


class Builder:
    """Adds layers one by one, as the forward pass would meet them; expressions are tuples of (coefficient, group)."""

    def __init__(self, network, channels, size):
        self.network, self.input, self.size = network, channels, size
        self.groups, self.layers, self.slots, self.alive = {}, [], [], []
        self.map([constant(channels), constant(size), constant(size)], lives=1)

    def map(self, dims, lives=1):
        step = len(self.alive)
        self.alive.append(Lifetime(tuple(dims), step, step + lives))

    def group(self, name, width):
        """A group of ``width`` units, and the expression of one channel per unit."""
        self.groups.setdefault(name, [width, []])
        return ((1, name),)

    def conv(self, name, out, inp, kernel=3, *, positions=None, bias=False, norm=True, depthwise=False, lives=1):
        positions = positions or self.size**2
        sees = constant(1) if depthwise else inp
        self.layers.append(Layer(name, "conv2d", out, sees, (kernel, kernel), bias, positions, positions))
        self.slots.append(TensorShape(f"{name}.weight", (out, sees, constant(kernel), constant(kernel))))
        self._finish(name, out, bias)
        if norm:
            self.slots += [TensorShape(f"{name}_norm.{part}", (out,)) for part in ("weight", "bias")]
            self.slots += [
                TensorShape(f"{name}_norm.{part}", (out,), False) for part in ("running_mean", "running_var")
            ]
        self.map([out, constant(positions)], lives)
        return out

    def linear(self, name, out, inp):
        self.layers.append(Layer(name, "linear", out, inp, (), True, 1, 1))
        self.slots.append(TensorShape(f"{name}.weight", (out, inp)))
        self._finish(name, out, True)
        self.map([out])
        return out

    def _finish(self, name, out, bias):
        if bias:
            self.slots.append(TensorShape(f"{name}.bias", (out,)))
        for _, group in out:
            if group is not None:
                self.groups[group][1].append(name)

    def build(self):
        return Profile(
            network=self.network,
            input_shapes=((self.input, self.size, self.size),),
            groups=tuple(Group(name, width, tuple(members)) for name, (width, members) in self.groups.items()),
            layers=tuple(self.layers),
            slots=tuple(self.slots),
            alive=tuple(self.alive),
        )


def vgg16(classes=10, hidden=512, factor=1):
    """VGG-16 at 32 x 32: 13 convolutions with batch norm, 3 fully connected layers; all widths times ``factor``."""
    b, size, last, n = Builder("vgg16", 3, 32), 32, constant(3), 0
    for width, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            n += 1
            last = b.conv(f"conv{n}", b.group(f"conv{n}", int(width * factor)), last, positions=size**2)
        size //= 2
    last = b.linear("fc1", b.group("fc1", int(hidden * factor)), last)
    last = b.linear("fc2", b.group("fc2", int(hidden * factor)), last)
    b.linear("fc3", constant(classes), last)
    return b.build()


def resnet50(classes=10, size=32):
    """ResNet-50's bottlenecks with a 3 x 3 stem: residual sums couple the widths of a stage."""
    b = Builder("resnet50", 3, size)
    last = b.conv("stem", b.group("stem", 64), constant(3))
    for stage, (width, repeats) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
        sum_ = b.group(f"layer{stage}.0.conv3", 4 * width)
        for block in range(repeats):
            name, before = f"layer{stage}.{block}", size**2
            size = size // 2 if stage > 1 and block == 0 else size
            inner = b.conv(f"{name}.conv1", b.group(f"{name}.conv1", width), last, 1, positions=before)
            inner = b.conv(f"{name}.conv2", b.group(f"{name}.conv2", width), inner, 3, positions=size**2)
            b.conv(f"{name}.conv3", sum_, inner, 1, positions=size**2, lives=3)
            if block == 0:
                b.conv(f"{name}.shortcut", sum_, last, 1, positions=size**2, lives=3)
            last = sum_
    b.linear("fc", constant(classes), last)
    return b.build()


def mobilenet_v2(classes=10, size=32):
    """MobileNetV2 at CIFAR strides: inverted residuals with depthwise convolutions."""
    b = Builder("mobilenet_v2", 3, size)
    last, width, n = b.conv("stem", b.group("stem", 32), constant(3)), 32, 0
    for factor, channels, repeats, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 1),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        out = b.group(f"block{n}.project", channels)
        for repeat in range(repeats):
            inner, before = last, size**2
            if factor > 1:
                inner = b.conv(f"block{n}.expand", b.group(f"block{n}.expand", width * factor), last, 1, lives=2)
            size = size // stride if repeat == 0 else size
            b.conv(f"block{n}.depthwise", inner, inner, 3, positions=size**2, depthwise=True)
            b.conv(f"block{n}.project", out, inner, 1, positions=size**2, lives=4 if before == size**2 else 2)
            b.size, last, width, n = size, out, channels, n + 1
    last = b.conv("head", b.group("head", 1280), last, 1)
    b.linear("classifier", constant(classes), last)
    return b.build()


def alexnet(classes=10):
    """AlexNet at 32 x 32, without norms: most parameters are in hidden fully connected layers."""
    b, last = Builder("alexnet", 3, 32), constant(3)
    for n, (width, kernel, side) in enumerate(((64, 11, 8), (192, 5, 4), (384, 3, 2), (256, 3, 2), (256, 3, 2)), 1):
        last = b.conv(f"conv{n}", b.group(f"conv{n}", width), last, kernel, positions=side**2, bias=True, norm=False)
    last = b.linear("fc1", b.group("fc1", 4096), last)
    last = b.linear("fc2", b.group("fc2", 4096), last)
    b.linear("fc3", constant(classes), last)
    return b.build()


def mixed():
    """Small, with one of each: a concatenation that a layer writes into, a grouped convolution whose units are four
    channels, a flatten, a matrix product outside the layers, a slot and a map with two free dimensions."""
    b = Builder("mixed", 3, 8)
    left, right = b.group("left", 10), b.group("right", 6)
    b.group("grouped", 5)
    b.group("hidden", 7)
    x = b.conv("a", left, constant(3))
    y = b.conv("b", right, constant(3), bias=True)
    both = b.conv("both", x + y + constant(2), x, 1)
    grouped = b.conv("quad", ((4, "grouped"),), both, 3, depthwise=True)
    flat = tuple((16 * c, g) for c, g in grouped)
    hidden = b.linear("hidden", ((1, "hidden"),), flat)
    b.linear("last", constant(3), hidden)
    profile = b.build()
    fields = {name: getattr(profile, name) for name in profile.__dataclass_fields__}
    fields["matmuls"] = (Product(9, (left, right, hidden)),)
    fields["slots"] += (TensorShape("scale", (left, right)),)
    fields["alive"] += (Lifetime((left, right, constant(30)), 2, 4),)
    return Profile(**fields)


ALL = {make.__name__: make for make in (vgg16, resnet50, mobilenet_v2, alexnet, mixed)}
