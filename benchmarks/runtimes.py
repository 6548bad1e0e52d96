"""What the runtimes are worth on this machine: the table of docs/runtimes.md.

    python benchmarks/runtimes.py [--seconds 4] [--networks vgg16 dncnn] [--write docs/runtimes.md]

VGG-16 and MobileNetV2 (3 x 32 x 32) and the denoiser of the preset `low-level` (1 x 256 x 256), of random weights, as
they are and pruned in FA by 50 % with `round_to: 8`, in each runtime by the pipeline's own protocol: in turns with the
dense network in ONNX Runtime, fp32, one thread. A runtime that is not installed, or whose
outputs differ from ONNX Runtime's, leaves its cells empty, with the reason below the table. About 15 s for each of 27
measurements.

All runtimes, without a change to another package: `uv pip install -r requirements-runtimes.txt`.
"""

import argparse
import re
import sys
import tempfile
import warnings
from datetime import date
from pathlib import Path

import numpy
import torch

import edgeprune
from edgeprune import entrypoint, files
from edgeprune.export import int8, onnx
from edgeprune.measuring.measure import TOLERANCE, measure
from edgeprune.names import RUNTIMES
from edgeprune.networks.resolve import build

NETWORKS = {
    "vgg16": ({"factory": "edgeprune.networks.vgg:vgg16"}, (3, 32, 32)),
    "mobilenetv2": ({"factory": "edgeprune.networks.mobilenet:mobilenetv2"}, (3, 32, 32)),
    "dncnn": ({"factory": "edgeprune.networks.restoration:dncnn", "args": {"depth": 6, "width": 32}}, (1, 256, 256)),
}
MARKS = "<!-- runtimes -->", "<!-- /runtimes -->"


def write_models(name, folder):
    """``{(size, precision): file}`` of one network."""
    spec, shape = NETWORKS[name]
    torch.manual_seed(0)
    dense = build(spec, num_classes=10, in_channels=shape[0], input_size=shape[1]).eval()
    plan = edgeprune.sample(edgeprune.profile(dense, shape), "FA", 0.5, 0, round_to=8)
    images = numpy.random.default_rng(0).standard_normal((10, *shape), dtype="float32")
    written = {}
    for size, model in {"dense": dense, "FA −50 %": edgeprune.prune(dense, plan).eval()}.items():
        for precision in TOLERANCE:
            written[size, precision] = folder / f"{name}-{len(written)}.onnx"
        onnx.export(model, shape, written[size, "fp32"])
        written[size, "int8"].write_bytes(int8.to_bytes(written[size, "fp32"], images))
    return written


def rows(names, seconds):
    """``(network, size, {runtime: measurement})`` of each line of the table."""
    device = {"kind": "local", "threads": 1, "seconds": seconds, "iterations": 24, "energy": {"source": "none"}}
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        for name in names:
            models = write_models(name, Path(folder))
            for size in ("dense", "FA −50 %"):
                found = {}
                for runtime, (_, precision) in RUNTIMES.items():
                    print(f"{name}, {size}: {runtime}", file=sys.stderr, flush=True)
                    if (size, runtime) != ("dense", "fp32"):  # the reference of all
                        model = models[size, precision]
                        found[runtime] = measure("here", device, model, models["dense", "fp32"], runtime=runtime)
                yield name, size, found


def document(lines, seconds):
    """The table, what it was made of, and the reasons of empty cells."""
    text = ["| network | dense, fp32 | | " + " | ".join(RUNTIMES) + " |", "|---" * (3 + len(RUNTIMES)) + "|"]
    reasons, apart = {}, {}
    for name, size, found in lines:
        cells = []
        for runtime in RUNTIMES:
            value = found.get(runtime)
            if value is None:
                cells.append("1")
            elif value["latency_ms"] is None:
                cells.append("")
                reasons.setdefault((runtime, value["reasons"]["latency_ms"]), []).append(f"{name} {size}")
            else:
                cells.append("{speedup:.2f} ({speedup_low:.2f} to {speedup_high:.2f})".format(**value))
                if value["agreement"]:
                    apart.setdefault(runtime, []).append(value["agreement"]["difference"])
        measured = [value for value in found.values() if value["latency_ms"]]
        reference = measured[0]["reference"]["latency_ms"]["p50"]
        text.append(f"| {name} | {reference:.2f} ms | {size} | " + " | ".join(cells) + " |")
    known = {key: value for each in measured for key, value in each["fingerprint"].items()}
    engines = ", ".join(
        f"{engine} {known[engine].partition('-')[0]}" for engine in dict(RUNTIMES.values()) if engine in known
    )
    text += [
        "",
        "Times as fast as the dense network in ONNX Runtime, fp32, measured in turns with it (95 % intervals).",
    ]
    if apart:
        worst = "; ".join(f"{runtime} {max(values):.1g}" for runtime, values in apart.items())
        text += [f"Largest difference from ONNX Runtime's output, of its largest value: {worst}."]
    text += [f"No numbers of {', '.join(where)} in {runtime}: {why}." for (runtime, why), where in reasons.items()]
    made = f"Made by `python benchmarks/runtimes.py` ({seconds:g} s each) on {date.today()}: {known['cpu_model']}"
    text += ["", f"{made}, one thread, {engines}. Random weights, which latency does not depend on."]
    return "\n".join(text)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--seconds", type=float, default=4.0, help="of each model of a measurement (default 4)")
    parser.add_argument("--write", metavar="FILE", help="put the table between the marks of this page")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    text = document(rows(args.networks, args.seconds), args.seconds)
    print(text)
    if args.write:
        page = Path(args.write).read_text(encoding="utf-8")
        marked = "{}.*{}".format(*map(re.escape, MARKS))
        files.write_text(args.write, re.sub(marked, lambda _: f"{MARKS[0]}\n{text}\n{MARKS[1]}", page, flags=re.DOTALL))


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
