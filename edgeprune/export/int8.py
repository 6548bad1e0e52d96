"""Exported networks in 8-bit integers: static quantisation by ONNX Runtime, calibrated on training images.

The choices, by accuracy and speed of VGG-16, MobileNetV2 and ResNets (docs/measuring.md): weights int8 with a scale for
each output channel, of 7 bits (with 8, sums saturate on x86 processors without VNNI, which cost more than a point),
activations uint8 (int8 ones run at half the speed where layers add or are depthwise, uint8 weights at a tenth), ranges
from the least to the greatest value seen (percentiles and entropy gained nothing).
"""

import contextlib
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgeprune import files, identity, tasks
from edgeprune.data.scaling import normalise
from edgeprune.data.store import MANIFEST, load_manifest, open_samples
from edgeprune.errors import EdgepruneError
from edgeprune.export.batch_norm import folded
from edgeprune.export.evaluate import evaluate
from edgeprune.metrics.tiles import mirrored
from edgeprune.names import IDENTITY
from edgeprune.tasks.base import Manifest

FORMAT, VERSION = "edgeprune.quantized", 1
IMAGES = 200  # for calibration; twice as many moved no score by more than its own uncertainty
PIXELS = 1 << 21
#: Of onnxruntime.quantization.quantize_static.
SETTINGS: dict[str, Any] = {
    "quant_format": QuantFormat.QDQ,
    "per_channel": True,
    "weight_type": QuantType.QInt8,
    "reduce_range": True,
    "activation_type": QuantType.QUInt8,
    "calibrate_method": CalibrationMethod.MinMax,
}


def quantise(
    model: str | Path, folder: str | Path, metrics: str | Path, threads: int = 1
) -> tuple[bytes, dict[str, Any]]:
    """The int8 file of an exported network and what is known of it.

    Args:
        model: ONNX file in fp32, ``input`` (1, C, H, W).
        folder: of the fetched dataset that the network was trained on.
        metrics: the run's ``metrics.json``.
        threads: CPU threads.

    Returns:
        (bytes, dict): the file, and ``quantized.json``: the scores of the int8 file on ``val`` and ``test``, under
        ``fp32`` those of the file it was made from by the same evaluator, sizes in bytes, settings.

    Raises:
        EdgepruneError: the metrics are not a run's, or the fp32 file scores otherwise than the training said.
    """
    known = files.read_json(metrics)
    missing = [key for key in (*IDENTITY, "val", "test") if not isinstance(known, dict) or key not in known]
    if missing:
        raise EdgepruneError("is not a run's metrics", file=metrics, key=missing[0], remedy="train the run again")
    fp32 = {split: evaluate(model, folder, split, threads) for split in ("val", "test")}
    check(fp32, known, load_manifest(folder), model)
    seen = calibration(folder)
    content = to_bytes(model, seen)
    val = evaluate(content, folder, "val", threads, uncertain=True)
    value = {
        "format": FORMAT,
        "version": VERSION,
        **identity.copied(known),
        "val_uncertainty": val.pop("uncertainty"),
        "val": val,
        "test": evaluate(content, folder, "test", threads),
        "fp32": fp32,
        "model_bytes": {"int8": len(content), "fp32": Path(model).stat().st_size},
        "settings": {
            "weights": "int8 per channel, 7 bits",
            "activations": "uint8 per tensor",
            "calibration": {"split": "train", "images": len(seen), "ranges": "least to greatest"},
            "onnxruntime": onnxruntime.__version__,
        },
    }
    return content, value


def check(
    fp32: Mapping[str, Mapping[str, float]], metrics: Mapping[str, Any], manifest: Manifest, model: str | Path
) -> None:
    """Refuse a file that does not score as its training did: it would be fed other inputs than it was trained on.

    A training in bf16 evaluates in bf16, which moves some images near the border: the metric's tolerance is allowed,
    and three images where it is a fraction.
    """
    for split, score in fp32.items():
        for metric in tasks.get(manifest["task"]).metrics:
            name, fraction = metric.name, metric.unit == "%"
            allowed = max(metric.tolerance, 3 / manifest["splits"][split]["count"] if fraction else 0)
            found, expected = score[name], metrics[split][name]
            if abs(found - expected) > allowed:
                raise EdgepruneError(
                    f"scores {found:.4f} in {name} on {split} in ONNX Runtime, the training found {expected:.4f}",
                    file=model,
                    remedy="train the run again; if it stays so, report it",
                )


def calibration(folder: str | Path, images: int = IMAGES, seed: int = 0) -> numpy.ndarray:
    """``images`` random images of the training split as the network takes them, (N, C, H, W) float32.

    Where the task is not about whole images, there are no more than have :data:`PIXELS`, cut to the deploy size.
    """
    manifest = load_manifest(folder)
    task, samples = tasks.bind(manifest, Path(folder) / MANIFEST), open_samples(folder, "train", manifest=manifest)
    draws = numpy.random.default_rng(seed)
    chosen = draws.permutation(len(samples))
    if task.targets != "class":  # each pixel counts, and a few large images are cut repeatedly
        chosen = numpy.resize(chosen, max(1, min(images, PIXELS // math.prod(task.input_shape[1:]))))
    inputs = []
    for index in map(int, numpy.sort(chosen[:images])):
        image, _ = task.example(samples.image(index), samples.target(index))
        inputs.append(task.observe(cut(image, task.input_shape[1:], draws), "train", index))
    return normalise(numpy.stack(inputs), manifest)


def cut(image: numpy.ndarray, size: tuple[int, ...], draws: numpy.random.Generator) -> numpy.ndarray:
    r"""A random part (C, \*size) of an image (C, H, W), filled up by reflection where the image is smaller."""
    if image.shape[1:] == size:
        return image
    image = mirrored(image, *size)
    top, left = (int(draws.integers(have - side + 1)) for side, have in zip(size, image.shape[1:]))
    return image[:, top : top + size[0], left : left + size[1]]


class Reader(CalibrationDataReader):
    """One image at a time, as the file has batch 1."""

    def __init__(self, name: str, inputs: numpy.ndarray) -> None:
        self.batches = iter([{name: inputs[i : i + 1]} for i in range(len(inputs))])

    def get_next(self) -> dict[str, numpy.ndarray] | None:  # pyrefly: ignore[bad-override]  the base forgets the end
        return next(self.batches, None)


def to_bytes(model: str | Path, inputs: numpy.ndarray, **changes: Any) -> bytes:
    """The int8 file (QDQ) of an fp32 one; ``inputs`` are those of :func:`calibration`, ``changes`` of
    :data:`SETTINGS`."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    del session
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as scratch:
        plain, prepared, done = (Path(scratch) / f"{name}.onnx" for name in ("folded", "prepared", "int8"))
        onnx.save(folded(onnx.load(model)), plain)
        with quiet():
            quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(done),
                Reader(name, inputs),
                **SETTINGS | changes,
            )
        return done.read_bytes()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The quantiser warns of each weight of rank 1 that it has no channels."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
