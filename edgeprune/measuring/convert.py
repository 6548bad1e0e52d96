"""ONNX files as what other engines read, made on the machine that runs the pipeline."""

import importlib.util
import json
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from edgeprune.errors import extras
from edgeprune.measuring.program import Unsupported


def to_ncnn(model: str | Path, target: str | Path) -> None:
    """A zip of ``model.param``, ``model.bin`` (fp32) and ``inputs.json``, ``[[name, shape], ...]``, through pnnx.

    Raises:
        Unsupported: pnnx is not installed here, or does not manage the network.
    """
    found = importlib.util.find_spec("pnnx")  # not imported: that takes torch
    if found is None or found.origin is None:
        raise Unsupported("the pnnx package, which converts for ncnn, is not installed here", remedy="pip install pnnx")
    with extras():
        import onnxruntime
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    inputs = [[i.name, [size if isinstance(size, int) else 1 for size in i.shape]] for i in session.get_inputs()]
    shapes = ",".join(f"{shape}f32".replace(" ", "") for _, shape in inputs)
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        Path(folder, "model.onnx").symlink_to(Path(model).resolve())
        command = [str(Path(found.origin).with_name("pnnx")), "model.onnx", f"inputshape={shapes}", "fp16=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        made = [Path(folder, f"model.ncnn.{end}") for end in ("param", "bin")]
        if done.returncode or not all(path.is_file() for path in made):
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            raise Unsupported(f"pnnx does not convert the network, it says: {said}", file=model)
        unknown = sorted({line.split()[0] for line in made[0].read_text().splitlines()[2:] if "." in line.split()[0]})
        if unknown:
            raise Unsupported(f"ncnn has no layer for the network's {', '.join(unknown)}", file=model)
        with zipfile.ZipFile(target, "w") as archive:
            for path in made:
                _add(archive, path.name.replace(".ncnn", ""), path.read_bytes())
            _add(archive, "inputs.json", json.dumps(inputs).encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), content)  # without the time of day: the same network, the same bytes


#: Of an engine that does not read ONNX files: the package that converts them here, and how.
CONVERTERS: dict[str, tuple[str, Callable[[str | Path, str | Path], None]]] = {"ncnn": ("pnnx", to_ncnn)}
