"""The memory layout of images in training."""

import torch
from torch import nn

#: Input channels from which oneDNN's strided 1x1 convolution is right: its block on AVX-512; on AVX2 it is 8.
BLOCK = 16


def choose(model: nn.Module, device: torch.device | str) -> torch.memory_format:
    """``torch.channels_last``, in which convolutions are faster, or ``torch.contiguous_format``.

    On a CPU the gradient of the weights of a 1x1 convolution with a stride and few input channels (the shortcut of a
    thin ResNet) is wrong in channels-last, hangs or ends the process: oneDNN writes past a workspace
    (uxlfoundation/oneDNN, issue 6035; seen with torch 2.15.0 on AVX2, 4 and 7 channels). A network that has one is
    trained in the default layout.
    """
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and set(m.kernel_size) == {1}]
    affected = any(max(m.stride) > 1 and m.in_channels // m.groups < BLOCK for m in convolutions)
    return torch.contiguous_format if affected and torch.device(device).type == "cpu" else torch.channels_last
