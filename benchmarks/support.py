"""Which networks can be profiled, sampled and pruned exactly? Writes docs/support.md.

    python benchmarks/support.py [--only PATTERN] [--processes 2] [--out docs/support.md]

Every CNN classifier and the fcn, deeplabv3 and lraspp heads of torchvision, this project's networks for restoration,
segmentation and detection (tests/helpers/tasknetworks.py), the architectures of tests/helpers/architectures.py and the
structures of tests/helpers/zoo.py, each at the smallest square input that its forward pass takes in evaluation and in
training mode, and at an ordinary one; PA, FA and MA to 50 % with the default settings. Where the package timm is
installed (`pip install --no-deps timm==1.0.31 safetensors huggingface_hub`; it is no dependency), also one network of
each of its families of CNNs and hybrids (benchmarks/timm_families.txt) at 64 x 64, or the next size that it takes.
"""

import argparse
import fnmatch
import logging
import multiprocessing
import platform
import statistics
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode

import edgeprune
from edgeprune import files
from edgeprune.names import COUNTED
from edgeprune.surgery.verify import differences
from edgeprune.tracing.counting import MacCounter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

MODES, TARGET = {"PA": "params", "FA": "macs", "MA": "memory"}, 0.5
TRANSFORMERS = ("vit_", "swin_", "maxvit")
HEADS = ("fcn_", "deeplabv3_", "lraspp_")
LARGE = 128  # side of the second, ordinary input
TIMM_SIDES = (64, 128, 160, 192, 224, 256, 288, 384)  # tried in this order
SIDES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Unallocated(TorchFunctionMode):
    """Parameters without data while a network is built; arithmetic in constructors stays possible."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def names():
    """``{name: kind}`` of everything in the table."""
    import torchvision
    from torchvision.models import list_models, segmentation

    from helpers.architectures import ARCHITECTURES
    from helpers.tasknetworks import PUBLISHED
    from helpers.zoo import ZOO

    found = {n: "torchvision" for n in list_models(module=torchvision.models) if not n.startswith(TRANSFORMERS)}
    found |= {n: "torchvision" for n in list_models(module=segmentation) if n.startswith(HEADS)}
    if find_spec("timm"):
        families = (ROOT / "benchmarks" / "timm_families.txt").read_text().split()
        found |= dict.fromkeys(families, "timm")
    found |= dict.fromkeys(PUBLISHED, "own") | dict.fromkeys(ARCHITECTURES, "architecture")
    return found | dict.fromkeys(ZOO, "structure")


def made(name, kind):
    """``(network without data, channels or full input shapes)``."""
    if kind == "timm":
        return from_timm(name)
    with Unallocated():
        if kind == "torchvision":
            from torchvision.models import get_model

            backbone = {"weights_backbone": None} if name.startswith(HEADS) else {}
            return get_model(name, weights=None, **backbone).to("meta"), 3
        if kind == "own":
            from helpers.tasknetworks import PUBLISHED

            factory, shape = PUBLISHED[name]
        elif kind == "architecture":
            from helpers.architectures import ARCHITECTURES

            factory, shape = ARCHITECTURES[name]
        else:
            from helpers.zoo import ZOO

            factory, shape = ZOO[name]
        return factory().to("meta"), shape


def from_timm(name):
    """At the size that it was made for, where that is fixed, else at any."""
    import timm

    model = timm.create_model(name, pretrained=False)
    size = model.pretrained_cfg["input_size"]
    return model.to("meta"), (size if model.pretrained_cfg.get("fixed_input_size") else size[0])


def smallest(model, channels):
    """The smallest side of a square input that both modes take, between powers of two by bisection."""
    high = next(side for side in SIDES if legal(model, channels, side))
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if legal(model, channels, middle) else (middle, high)
    return high


def legal(model, channels, side):
    """Whether a network takes square inputs of that side in both modes."""
    try:
        for training in (True, False):
            with MacCounter():  # torch itself accepts empty maps on the meta device
                outputs(model, [(channels, side, side)], training)
    except (RuntimeError, ValueError, ZeroDivisionError, NotImplementedError, AssertionError):
        return False
    return True


def outputs(model, shapes, training=False, device="meta"):
    """Shapes of all results for a batch of two."""
    model.train(training)
    with torch.no_grad():
        result = model(*[torch.zeros(2, *s, device=device) for s in shapes])
    return [tuple(t.shape) for t in flat(result)]


def flat(value):
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else None
    return [value] if values is None else [t for v in values for t in flat(v)]


def row(name, kind):
    """What the table says of one network; ``problem`` if anything is not as it should be."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    start = time.perf_counter()
    model, shape = made(name, kind)
    found = {"name": name, "kind": kind, "problem": None, "left": {}, "notes": (), "frozen": {}}
    square = isinstance(shape, int)
    sizes = [None]
    if kind == "timm" and square:
        sizes = [next(side for side in TIMM_SIDES if legal(model, shape, side))]
    elif square:
        sizes = [least := smallest(model, shape), max(least, LARGE)]
    for i, side in enumerate(dict.fromkeys(sizes)):
        shapes = [(shape, side, side)] if square else [shape] if isinstance(shape, tuple) else list(shape)
        found.setdefault("smallest", " + ".join("x".join(map(str, s)) for s in shapes))
        try:
            check(model, shapes, found, run=i == 0)
        except (edgeprune.EdgepruneError, AssertionError) as error:
            kind_of = "refused" if isinstance(error, edgeprune.EdgepruneError) else "WRONG"
            found["problem"] = f"{kind_of} at {shapes}: {error}"
            break
    return found | {"seconds": time.perf_counter() - start}


def check(model, shapes, found, run):
    """PA, FA and MA at one input; adds to ``found``. ``run``: compare the outputs too, not only the counts."""
    start = time.process_time()
    profile = edgeprune.profile(model, shapes, network=found["name"])
    found |= {"totals": profile.totals, "notes": profile.notes, "cpu": time.process_time() - start}
    found["frozen"] = {n: why for n, why in profile.frozen.items() if "output of the network" not in why}
    expected = {training: outputs(model, shapes, training) for training in (True, False) if run}
    require_exact(model, profile, profile.widths, "dense")
    for mode in MODES:
        plan = edgeprune.sample(profile, mode, TARGET)
        pruned = edgeprune.prune(model, plan)
        require_exact(pruned, profile, plan.widths, mode)
        if plan.reduction[COUNTED[mode]] < TARGET:
            raise AssertionError(f"{mode}: only {plan.reduction[COUNTED[mode]]:.1%} reached")
        for training, shape in expected.items():
            if outputs(pruned, shapes, training) != shape:
                raise AssertionError(f"{mode}: the output's shape changed")
        if run and found["kind"] != "timm":  # whose tables of indices only their constructors fill
            run_with_data(pruned, shapes, expected[False])
        found["left"][mode] = {r: 1 - plan.reduction[r] for r in ("params", "macs", "memory")}


def require_exact(model, profile, widths, what):
    wrong = differences(model, profile, widths)
    if wrong:
        raise AssertionError(f"{what}: (predicted, actual) {wrong}")


def run_with_data(pruned, shapes, expected):
    """The pruned network with memory and initial weights, on the CPU."""
    pruned.to_empty(device="cpu")
    for module in pruned.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    if outputs(pruned, shapes, device="cpu") != expected:
        raise AssertionError("the output's shape differs from that without data")


def document(rows, seconds, processes):
    exact = [r for r in rows if not r["problem"]]
    refused = [r for r in rows if r["problem"]]
    packages = ", ".join(f"{p} {version(p)}" for p in ("torch", "torchvision", "timm") if find_spec(p))
    cpu = sorted(r["cpu"] for r in rows if "cpu" in r)
    spent = f"median {statistics.median(cpu):.2f} s, 95th percentile {cpu[int(0.95 * len(cpu))]:.2f} s"
    lines = [
        "# Supported networks",
        "",
        f"{len(exact)} of {len(rows)} networks are profiled, sampled and pruned to 50 % in PA, FA and MA, exactly; "
        f"{len(refused)} {'is' if len(refused) == 1 else 'are'} refused, with a reason.",
        "",
        "**Exact** means: the predicted parameters equal the network's, and the predicted MACs equal half of what "
        "`torch.utils.flop_counter` counts, dense and after each of the three prunings; the pruned network runs in "
        "training and evaluation mode and with data on the CPU, its outputs' shapes are unchanged, the target is met.",
        "",
        "Each network is checked at the smallest square input that its forward pass takes in both modes; the counts "
        f"also at {LARGE} x {LARGE}, or at the smallest where that is larger, and the table shows the figures there "
        "(those with a fixed input: once, at that). Default settings (`min_channels` 0.1), seed 0, batch 1. *Left* is "
        "what remains of parameters / MACs / memory, in percent, the mode's own in bold. *Time* is the CPU time of "
        f"`edgeprune.profile` in seconds: {spent}.",
        "",
        f"Made by `python benchmarks/support.py` on {date.today()} in {seconds / 60:.1f} min ({processes} processes), "
        f"edgeprune {edgeprune.__version__}, {packages}, Python {platform.python_version()}.",
    ]
    titles = {
        "torchvision": ("torchvision", "All CNN classifiers of `list_models()`, and the segmentation heads."),
        "timm": ("timm", "One network of each family, not run with data; attention that cannot be pruned is kept."),
        "own": ("Restoration, segmentation, detection", "Shipped in `edgeprune/networks/`."),
        "architecture": ("Other architectures", "Written down in `tests/helpers/architectures.py`."),
        "structure": ("Structures", "Small networks of `tests/helpers/zoo.py`, one for each way of coupling channels."),
    }
    head = (
        "| network | smallest input | params | MACs | PA: left, % | FA: left, % | MA: left, % | time | exact |\n"
        + "|---" * 9
        + "|"
    )
    for kind, (title, text) in titles.items():
        chosen = [r for r in rows if r["kind"] == kind]
        if chosen:
            lines += ["", f"## {title}", "", text, "", head, *(cells(r) for r in chosen)]
    remarks = [remark(r) for r in rows if r["problem"] or r.get("frozen") or r["notes"]]
    if remarks:
        lines += ["", "## Remarks", "", "What stays as it is beside the outputs, and what was refused.", "", *remarks]
    return "\n".join(lines) + "\n"


def cells(r):
    totals = r.get("totals")
    dense = [f"{totals[k]:,}" for k in ("params", "macs")] if totals else ["", ""]
    left = []
    for mode, own in MODES.items():
        parts = [f"{100 * v:.1f}" if k != own else f"**{100 * v:.1f}**" for k, v in r["left"].get(mode, {}).items()]
        left.append(" / ".join(parts))
    told = [f"{r['cpu']:.2f}" if "cpu" in r else "", "no, see below" if r["problem"] else "yes"]
    return "| " + " | ".join([r["name"], r["smallest"], *dense, *left, *told]) + " |"


def remark(r):
    parts = [r["problem"]] if r["problem"] else []
    reasons = {}
    for layer, why in r.get("frozen", {}).items():
        reasons.setdefault(why, []).append(layer)
    for why, layers in reasons.items():
        shown = ", ".join(layers[:3]) + (f" and {len(layers) - 3} more" if len(layers) > 3 else "")
        parts.append(f"{shown} kept: {why}")
    notes = [n if len(n) < 160 else n[:160].rsplit(",", 1)[0] + " …" for n in r["notes"]]
    return f"- {r['name']}: " + "; ".join([*parts, *notes]).replace("\n  ", " ")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="names to run; others are left out of the table")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", default=ROOT / "docs" / "support.md")
    args = parser.parse_args(argv)
    logging.captureWarnings(True)
    start, found = time.perf_counter(), {}
    todo = {n: kind for n, kind in names().items() if fnmatch.fnmatch(n, args.only)}
    with ProcessPoolExecutor(args.processes, multiprocessing.get_context("spawn")) as pool:
        jobs = {pool.submit(row, n, kind): n for n, kind in todo.items()}
        for i, job in enumerate(as_completed(jobs), 1):
            result = found[jobs[job]] = job.result()
            text = result["problem"] or "exact"
            print(f"{i}/{len(jobs)} {result['name']}: {text} ({result['seconds']:.1f} s)", file=sys.stderr, flush=True)
    rows = [found[n] for n in todo]
    files.write_text(args.out, document(rows, time.perf_counter() - start, args.processes))
    return int(any((r["problem"] or "").startswith("WRONG") for r in rows))


if __name__ == "__main__":
    sys.exit(main())
