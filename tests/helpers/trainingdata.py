"""A tiny dataset in the store's format, made without fetching anything."""

import hashlib
import json

import numpy as np


def write_dataset(folder, images, targets, classes, **changes):
    """``images`` and ``targets`` map a split to uint8 (N, C, H, W) and int64 (N,)."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = images["train"].shape[1:]
    splits = {}
    for split, pixels in images.items():
        samples = np.empty(len(pixels), dtype=[("input", "u1", shape), ("target", "<i8")])
        samples["input"], samples["target"] = pixels, targets[split]
        np.save(folder / f"{split}.npy", samples)
        digest = hashlib.sha256((folder / f"{split}.npy").read_bytes()).hexdigest()
        splits[split] = {"file": f"{split}.npy", "sha256": digest, "count": len(pixels)}
    train = images["train"] / 255
    manifest = {
        "format": "edgeprune.dataset",
        "version": 1,
        "name": folder.name,
        "task": "classification",
        "source": {},
        "input": {"shape": list(shape), "dtype": "uint8"},
        "target": {"kind": "class", "dtype": "int64", "shape": [], "classes": [str(c) for c in range(classes)]},
        "splits": splits,
        "mean": train.mean((0, 2, 3)).tolist(),
        "std": train.std((0, 2, 3)).tolist(),
        "validation": {"fraction": 0.1, "seed": 0},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    return folder


def noise_dataset(folder, count=20, classes=4, shape=(1, 8, 8), **changes):
    """Random pixels with random labels."""
    random = np.random.default_rng(0)
    images = {s: random.integers(0, 256, (count, *shape), dtype=np.uint8) for s in ("train", "val", "test")}
    targets = {s: np.arange(count) % classes for s in images}
    return write_dataset(folder, images, targets, classes, **changes)


def raw(dataset, split):
    """Inputs (N, C, H, W) and labels (N,) of a split as they are stored, as tensors."""
    import torch

    samples = dataset.samples(split)
    pairs = [(samples.image(i), samples.target(i)) for i in range(len(samples))]
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*pairs))


def arguments(inputs, out, **settings):
    """What :func:`edgeprune.training.run.run` is given of a folder with a profile and a plan."""
    given = {
        "network": "vgg8",
        "profile": str(inputs / "profile.json"),
        "plan": str(inputs / "plan.json"),
        "variant": "FA-0.50",
        "out": str(out),
    }
    return given | settings
