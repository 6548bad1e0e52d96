"""This project's own networks for tasks beyond classification, at their published size and at a small one.

Both map a name to ``(factory, channels of the input)``.
"""

from edgeprune.networks.detection import centernet, fomo
from edgeprune.networks.restoration import dncnn, edsr_baseline, espcn, fsrcnn
from edgeprune.networks.segmentation import fast_scnn, lraspp_mobilenet_v3_large, unet

PUBLISHED = {
    "DnCNN-17": (dncnn, 1),
    "FSRCNN(56,12,4) x2": (fsrcnn, 1),
    "ESPCN x2": (espcn, 1),
    "ESPCN x3 with a bicubic skip, RGB": (lambda: espcn(in_channels=3, scale=3, skip=True), 3),
    "EDSR-baseline x2": (edsr_baseline, 3),
    "EDSR-baseline x4": (lambda: edsr_baseline(scale=4), 3),
    "U-Net 32": (lambda: unet(2), 3),
    "Fast-SCNN": (lambda: fast_scnn(19), 3),
    "LR-ASPP, logits": (lambda: lraspp_mobilenet_v3_large(21), 3),
    "CenterNet 16": (lambda: centernet(10), 3),
    "FOMO 0.35": (lambda: fomo(1), 3),
}
SMALL = {
    "DnCNN": (lambda: dncnn(depth=5, width=12), 1),
    "FSRCNN": (lambda: fsrcnn(scale=3, d=12, s=6, m=2), 1),
    "ESPCN": (lambda: espcn(filters=(12, 8)), 1),
    "ESPCN with a bicubic skip": (lambda: espcn(filters=(12, 8), skip=True), 1),
    "EDSR": (lambda: edsr_baseline(scale=4, blocks=2, width=12), 3),
    "U-Net": (lambda: unet(3, width=8, depth=2), 3),
    "Fast-SCNN": (lambda: fast_scnn(5, width=0.25), 3),
    "LR-ASPP": (lambda: lraspp_mobilenet_v3_large(3, in_channels=1), 1),
    "CenterNet": (lambda: centernet(3, width=8), 3),
    "FOMO": (lambda: fomo(2, in_channels=1), 1),
}
