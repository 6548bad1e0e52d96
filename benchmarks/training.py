"""Images per second of this project's training against the usual recipe, in alternation, in one process.

    python benchmarks/training.py [--networks vgg16 mobilenetv2] [--rounds 5] [--batches 4] [--workers 2]
        [--data FOLDER|ARCHIVE]

The usual recipe: a torchvision CIFAR10 dataset (PIL images, RandomCrop, RandomHorizontalFlip, ToTensor, Normalize), a
DataLoader with 2 workers, plain eager fp32, torch.optim.SGD; on a GPU with pinned memory and cuDNN's autotuning.
Ours: edgeprune's engine with precision `auto` and `compile: graph`, which does something on a GPU only. Both have the
same network, batch size, augmentation, optimiser, images and CPU threads. A round times the same number of batches of
each, after one batch to warm up.

Without --data the images are synthetic: random bytes of CIFAR-10's shape, which cost either side what photographs do.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgeprune import entrypoint
from edgeprune.config.recipe import Recipe
from edgeprune.data.examples import some
from edgeprune.data.store import MANIFEST
from edgeprune.networks.resolve import build
from edgeprune.training import device as devices
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine

NETWORKS = {
    "vgg16": "edgeprune.networks.vgg:vgg16",
    "mobilenetv2": "edgeprune.networks.mobilenet:mobilenetv2",
    "resnet50": "edgeprune.networks.resnet:resnet50",
    "alexnet": "edgeprune.networks.alexnet:alexnet",
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["vgg16", "mobilenetv2"], choices=NETWORKS)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, help="of a round; default: 4 on a CPU, 200 on a GPU")
    parser.add_argument("--workers", type=int, default=2, help="of the usual recipe's DataLoader")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--devices", nargs="+", help="default: cpu, and cuda where there is one")
    parser.add_argument("--data", help="a fetched dataset's folder, or an archive of images of 32 x 32")
    parser.add_argument("--out", help="write the figures as JSON too")
    args = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as scratch:
        for device in args.devices or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
            batches = args.batches or (4 if device == "cpu" else 200)
            images = (batches + 1) * args.batch_size
            data = folder_of(args.data, images, Path(scratch) / device)
            for name in args.networks:
                rows.append(compare(name, data, images, device, args))
                say(rows[-1])
    if args.out:
        Path(args.out).write_text(json.dumps(rows, indent=2) + "\n")


def say(row):
    ratios = row["ratios"]
    print(
        f"{row['network']:<12} {row['device_name']}, {row['threads']} threads, batch {row['batch_size']}, "
        f"{row['images']} images: usual ({row['workers']} workers) {row['usual']:,.0f}, "
        f"ours ({row['precision']}) {row['ours']:,.0f} images/s; "
        f"ratio {statistics.median(ratios):.2f} (median of {len(ratios)}; {min(ratios):.2f} to {max(ratios):.2f}); "
        f"load {row['load'][0]:.1f} to {row['load'][1]:.1f}",
        flush=True,
    )


def compare(name, data, images, device, args):
    """Rounds of the usual recipe, each after an epoch of ours over the same number of batches."""
    where = devices.choose(device)
    devices.prepare(where, args.threads)
    ours = {"precision": "auto", "compile": "graph"}
    recipe = Recipe(epochs=args.rounds + 1, batch_size=args.batch_size, augment=("flip", "crop"), **ours)
    dataset = Limited(data, where, images - args.batch_size)
    size = dataset.input_shape[1]
    torch.manual_seed(0)
    engine = Engine(build(NETWORKS[name], num_classes=10, input_size=size).to(where), dataset, recipe, seed=0)
    usual = Usual(build(NETWORKS[name], num_classes=10, input_size=size).to(where), data, recipe, images, args.workers)
    pairs, load = [], os.getloadavg()[0]

    def after_ours(row, ours, left):
        pairs.append((usual.images_per_second(), ours))

    engine.run(report=after_ours)
    pairs = pairs[1:]  # the first epoch warms up
    return {
        "network": name,
        "device": device,
        "device_name": devices.describe(where),
        "torch": torch.__version__,
        "threads": args.threads,
        "workers": args.workers,
        "batch_size": args.batch_size,
        "images": images - args.batch_size,
        "synthetic": args.data is None,
        "precision": engine.precision,
        "usual": statistics.median(u for u, _ in pairs),
        "ours": statistics.median(o for _, o in pairs),
        "ratios": [o / u for u, o in pairs],
        "load": [load, os.getloadavg()[0]],
    }


class Some:
    """Random samples of a split, which is stored sorted."""

    def __init__(self, samples, count):
        self.samples, self.indices = samples, some(len(samples), count)

    def __len__(self):
        return len(self.indices)

    def image(self, index):
        return self.samples.image(self.indices[index])

    def target(self, index):
        return self.samples.target(self.indices[index])


class Limited(Dataset):
    """Of the training and of the validation split only some random images."""

    def __init__(self, folder, device, count, validation=100):
        super().__init__(folder, device)
        self.count = {"train": count, "val": validation}

    def samples(self, name):
        return Some(super().samples(name), self.count[name])


class Usual:
    """The recipe of most CIFAR scripts."""

    def __init__(self, model, data, recipe, images, workers):
        from torchvision import datasets, transforms

        class Local(datasets.CIFAR10):
            """torchvision's dataset, over local arrays instead of a download."""

            def __init__(self, images, labels, transform):
                self.data, self.targets, self.transform, self.target_transform = images, labels, transform, None

        dataset = Limited(data, "cpu", images)
        train, manifest = dataset.training(recipe), dataset.manifest
        steps = [
            transforms.RandomCrop(train.inputs.shape[-1], padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(manifest["mean"], manifest["std"]),
        ]
        arrays = train.inputs.permute(0, 2, 3, 1).contiguous().numpy()
        self.device = next(model.parameters()).device
        self.loader = torch.utils.data.DataLoader(
            Local(arrays, train.targets.tolist(), transforms.Compose(steps)),
            batch_size=recipe.batch_size,
            shuffle=True,
            num_workers=workers,
            pin_memory=self.device.type == "cuda",
        )
        self.model, self.criterion = model, nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=True,
        )

    def images_per_second(self):
        """Over all batches but the first, in which the workers start."""
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            torch.use_deterministic_algorithms(False)
            torch.backends.cudnn.benchmark = True
        self.model.train()
        count = 0
        for i, (inputs, targets) in enumerate(self.loader):
            if i == 1:
                self._wait()
                begin = time.perf_counter()
            inputs, targets = (t.to(self.device, non_blocking=True) for t in (inputs, targets))
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
            count += len(inputs) if i else 0
        self._wait()
        seconds = time.perf_counter() - begin
        devices.prepare(self.device, torch.get_num_threads())  # as ours wants it
        return count / seconds

    def _wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def folder_of(data, images, scratch, validation=100):
    """A fetched dataset's folder: the one given, one made of an archive, or synthetic images, so many to a split."""
    if data and Path(data).is_dir():
        return data
    if data:
        from edgeprune.data.fetch import fetch

        fetch("benchmark", {"source": "images", "task": "classification", "path": data}, scratch)
        return scratch
    random = np.random.default_rng(0)
    scratch.mkdir(parents=True)
    splits = {"train": images, "val": validation, "test": 1}
    for split, count in splits.items():
        samples = np.empty(count, dtype=[("input", "u1", (3, 32, 32)), ("target", "<i8")])
        samples["input"] = random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
        samples["target"] = np.arange(count) % 10
        np.save(scratch / f"{split}.npy", samples)
    manifest = {
        "format": "edgeprune.dataset",
        "version": 1,
        "name": "synthetic",
        "task": "classification",
        "source": {"kind": "random bytes"},
        "input": {"shape": [3, 32, 32], "dtype": "uint8"},
        "target": {"kind": "class", "dtype": "int64", "shape": [], "classes": [str(c) for c in range(10)]},
        "splits": {name: {"file": f"{name}.npy", "sha256": "", "count": count} for name, count in splits.items()},
        "mean": [0.5] * 3,
        "std": [0.289] * 3,
        "validation": {"fraction": 0.1, "seed": 0},
    }
    (scratch / MANIFEST).write_text(json.dumps(manifest))
    return scratch


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
