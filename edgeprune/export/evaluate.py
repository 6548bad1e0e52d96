"""How well an exported network does: its file in ONNX Runtime over a split, without torch."""

from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime

from edgeprune import tasks
from edgeprune.data.examples import score
from edgeprune.data.store import MANIFEST, load_manifest, open_samples
from edgeprune.tasks.jackknife import Jackknife

BATCH = 64


def evaluate(
    model: str | Path | bytes, folder: str | Path, split: str, threads: int = 1, uncertain: bool = False
) -> dict[str, Any]:
    """Score an ONNX file on one split of a fetched dataset.

    Args:
        model: the file, or its bytes; ``input`` (1, C, H, W), normalised as in training.
        folder: of the fetched dataset.
        split: ``val`` or ``test``.
        threads: CPU threads.
        uncertain: also what :meth:`edgeprune.tasks.jackknife.Jackknife.uncertainty` says.

    Returns:
        dict: the task's metrics, as in ``metrics.json``; with them ``uncertainty``, if asked for.
    """
    manifest = load_manifest(folder)
    task = tasks.bind(manifest, Path(folder) / MANIFEST)
    run = Runner(model if isinstance(model, bytes) else open_bytes(model), threads)
    samples = open_samples(folder, split, manifest=manifest)
    if not uncertain:
        return score(task, samples, split, run, BATCH)
    jackknife = Jackknife(task, len(samples))
    return score(task, samples, split, run, BATCH, jackknife) | {"uncertainty": jackknife.uncertainty()}


def open_bytes(path: str | Path) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


class Runner:
    """``runner(inputs)`` runs a file of batch 1 on (N, ...): in whole batches where that changes nothing.

    A reshape in the network may have the batch of 1 written into it, so the first call compares.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        self.single, self.batched, self.checked = session(content, threads), None, False
        model = onnx.load_from_string(content)
        for value in [*model.graph.input, *model.graph.output]:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
        del model.graph.value_info[:]
        try:
            self.batched = session(model.SerializeToString(), threads)
        except Exception:  # onnxruntime's exceptions have no common base but Exception
            self.checked = True

    def __call__(self, inputs: numpy.ndarray) -> dict[str, numpy.ndarray]:
        if not self.checked and len(inputs) > 1:  # of one there is nothing to compare
            batched, self.checked = self.batched, True
            self.batched = batched if batched and self._agree(batched, inputs[:3]) else None
        if self.batched and self.checked:
            return run(self.batched, inputs)
        return self._one_by_one(inputs)

    def _one_by_one(self, inputs: numpy.ndarray) -> dict[str, numpy.ndarray]:
        parts = [run(self.single, inputs[i : i + 1]) for i in range(len(inputs))]
        return {name: numpy.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _agree(self, batched: onnxruntime.InferenceSession, inputs: numpy.ndarray) -> bool:
        try:
            found = run(batched, inputs)
        except Exception:
            return False
        pairs = [(found[name], array) for name, array in self._one_by_one(inputs).items()]
        return all(a.shape == b.shape and numpy.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in pairs)


def session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # the batched file's refusal is expected
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, inputs: numpy.ndarray) -> dict[str, numpy.ndarray]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, map(numpy.asarray, session.run(None, {session.get_inputs()[0].name: inputs}))))
