"""Whether a budget of peak memory is met on the device: activation memory of a pruned U-Net over the dense one's.

    python benchmarks/memory.py [--rounds 5] [--size 256]
    python benchmarks/memory.py --process

The peak is what the process grows by, at most, while ONNX Runtime runs the network once more: without its arena, so
that each feature map is taken and given back by itself. Dense and pruned take turns, each in a process of its own. The
exit code is 1 if a pruned network's is further than 15 % from half of the dense one's.

With `--process`: the peak that is computed beside what a measurement says of the process and of the runtime's arena.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MEASURE = """
import json, sys
import numpy, onnxruntime

def field(name):
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith(name)) * 1024

options = onnxruntime.SessionOptions()
options.enable_cpu_mem_arena = options.enable_mem_pattern = False
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
given = session.get_inputs()[0]
inputs = {given.name: numpy.zeros(given.shape, numpy.float32)}
session.run(None, inputs)
with open("/proc/self/clear_refs", "w") as stream:
    stream.write("5")  # forgets the highest so far
before = field("VmRSS")
session.run(None, inputs)
print(json.dumps(field("VmHWM") - before))
"""
ALLOWED = 0.15
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}  # free means given back


def processes():
    """Print the table; memory does not depend on what else the machine does."""
    import edgeprune
    from edgeprune.export.onnx import export
    from edgeprune.measuring.measure import measure
    from edgeprune.networks.resolve import build
    from edgeprune.networks.segmentation import unet

    device = {"kind": "local", "seconds": 0.02, "iterations": 8, "threads": 1, "energy": {"source": "none"}}
    networks = {
        name: build(factory, num_classes=10, in_channels=3, input_size=32)
        for name, factory in (
            ("VGG-16", "edgeprune.networks.vgg:vgg16"),
            ("ResNet-8", "edgeprune.networks.resnet:resnet8"),
            ("MobileNetV2", "edgeprune.networks.mobilenet:mobilenetv2"),
        )
    }
    networks["U-Net, 256 x 256"] = unet(num_classes=11, width=16, depth=3)
    print("| network | weights | maps, computed | arena | peak, computed | above the idle process |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, dense in networks.items():
            shape = (3, 256, 256) if "256" in name else (3, 32, 32)
            profile = edgeprune.profile(dense, shape)
            plan = edgeprune.sample(profile, "FA", 0.5, 0, round_to=8)
            for title, model in ((name, dense), (f"{name}, FA −50 %", edgeprune.prune(dense, plan))):
                path = Path(folder, "model.onnx")
                export(model.eval(), shape, path)
                found = measure("here", device, path, None)
                weights = sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])
                peak = edgeprune.profile(model, shape).totals["peak_memory"]
                cells = (weights, peak - weights, found["arena_bytes"], peak, found["model_rss_bytes"])
                print(f"| {title} | " + " | ".join(f"{cell / 2**20:.2f}" for cell in cells) + " |", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--process", action="store_true", help="computed peak, process and arena of six networks")
    args = parser.parse_args()
    if args.process:
        return processes()

    import edgeprune
    from edgeprune.export.onnx import to_bytes
    from edgeprune.networks.segmentation import unet

    model, shape = unet(num_classes=11, width=16, depth=3), (3, args.size, args.size)
    profile = edgeprune.profile(model, shape)
    weights = sum(p.numel() * 4 for p in model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        files = {"dense": Path(folder, "dense.onnx")}
        files["dense"].write_bytes(to_bytes(model, shape))
        told = {"dense": profile.totals["peak_memory"]}
        for seed in range(args.seeds):
            plan = edgeprune.sample(profile, seed=seed, budget={"peak_memory": 0.5})
            name = f"seed {seed}"
            files[name], told[name] = Path(folder, f"{seed}.onnx"), plan.totals["peak_memory"]
            files[name].write_bytes(to_bytes(edgeprune.prune(model, plan), shape))
        found = {name: [] for name in files}
        for _ in range(args.rounds):
            for name, path in files.items():
                command = [sys.executable, "-c", MEASURE, str(path)]
                done = subprocess.run(command, env=os.environ | ALLOCATOR, capture_output=True, text=True, check=True)
                found[name].append(json.loads(done.stdout))
    dense = statistics.median(found["dense"])
    print(
        f"U-Net (width 16, depth 3), {args.size} x {args.size}: {weights / 2**20:.2f} MiB of weights in the dense one"
    )
    worst = 0.0
    for name, values in found.items():
        here = statistics.median(values)
        worst = max(worst, abs(here / dense - 0.5) / 0.5 if name != "dense" else 0.0)
        predicted = f"predicted {told[name] / told['dense']:.3f} of dense ({told[name] / 2**20:6.2f} MiB with weights)"
        print(f"{name:8} {predicted}, measured activations {here / dense:.3f} ({here / 2**20:6.2f} MiB)")
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
