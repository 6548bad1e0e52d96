"""Which networks can be profiled, sampled and pruned exactly, here and by Torch-Pruning? Writes docs/support.md.

    python benchmarks/support.py [--only PATTERN ...] [--rows benchmarks/out/support.jsonl] [--limit 120]

Every CNN classifier and the fcn, deeplabv3 and lraspp heads of torchvision, detectors of the YOLO kind
(benchmarks/yolo.py), this project's networks for restoration, segmentation and detection
(tests/helpers/tasknetworks.py), the architectures of tests/helpers/architectures.py and the structures of
tests/helpers/zoo.py. Where they are installed (no dependencies: `pip install --no-deps timm==1.0.31
segmentation-models-pytorch==0.6.0 safetensors huggingface_hub`), also one network of each of timm's families
(benchmarks/timm_families.txt), and the decoders of segmentation_models_pytorch.

Three checks of each network, each in a process of its own with `--limit` seconds of CPU time: this package's counts,
kept weights, and Torch-Pruning (`make env-dev`). A check's result is one line of `--rows`; what has a line is not done
again, so that the command can be stopped and called again; deleted lines are. The page is made from all lines at the
end, at once with `--only ""`.
"""

import argparse
import fnmatch
import json
import multiprocessing
import platform
import resource
import sys
import time
import warnings
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from support_networks import ROOT, made, names, outputs, shapes_of, smallest, without_data

sys.path.insert(0, str(ROOT / "tests"))

from support_networks import flat
from support_page import MODES, RATIO, TARGET, TOLERANCE, document

import edgeprune
from edgeprune import files
from edgeprune.names import COUNTED
from edgeprune.sampling.plan import Plan
from edgeprune.surgery.verify import counted, differences
from edgeprune.tracing.profile import OUTPUT
from helpers.keeping import channel_by_channel, randomise, without_removed

GRID = 8  # of round_to, in the second sampling
MEMORY = 14 << 30  # bytes of address space of one check
KEPT_AT_MOST = 60_000_000  # parameters of a network that is computed in float64


def ours(name, kind, found):
    """PA, FA and MA at an ordinary input, and at the smallest; with data on the CPU in :func:`kept`."""
    model, shape = without_data(name, kind)
    found |= {"left": {}, "rounded": {}}
    shapes = shapes_of(model, shape)
    found["input"] = " + ".join("x".join(map(str, s)) for s in shapes)
    try:
        count(model, shapes, found)
        if isinstance(shape, int) and kind not in ("timm", "smp"):
            side = smallest(model, shape)
            found["smallest"] = f"{side}"
            count(model, [(shape, side, side)], {}, rounded=False)
    except edgeprune.EdgepruneError as error:
        return "refused", str(error)
    except AssertionError as error:
        return "wrong", str(error)
    return "exact", None


def count(model, shapes, found, rounded=True):
    """Adds to ``found``; raises AssertionError if anything is not as predicted."""
    start = time.process_time()
    profile = edgeprune.profile(model, shapes, network=found.get("name"))
    found["cpu"] = time.process_time() - start
    found |= {"totals": profile.totals, "notes": profile.notes}
    found["frozen"] = {n: why for n, why in profile.frozen.items() if OUTPUT not in why}
    expected = {training: outputs(model, shapes, training) for training in (True, False)}
    require_exact(model, profile, profile.widths, "dense")
    refused = None
    for grid in (1, GRID) if rounded else (1,):
        for mode in MODES:
            try:
                plan = edgeprune.sample(profile, mode, TARGET, round_to=grid)
            except edgeprune.EdgepruneError as error:
                if grid == 1:
                    refused = refused or error
                else:
                    found["rounded"][mode] = str(error)
                continue
            pruned = edgeprune.prune(model, plan)
            require_exact(pruned, profile, plan.widths, mode)
            if plan.reduction[COUNTED[mode]] < TARGET:
                raise AssertionError(f"{mode}: only {plan.reduction[COUNTED[mode]]:.1%} reached")
            for training, shape in expected.items():
                if outputs(pruned, shapes, training) != shape:
                    raise AssertionError(f"{mode}: the output's shape changed")
            if grid == 1:
                left = {r: 1 - plan.reduction[r] for r in ("params", "macs", "memory")}
                found.setdefault("left", {})[mode] = left
    if refused:
        raise refused


def require_exact(model, profile, widths, what):
    wrong = differences(model, profile, widths)
    if wrong:
        raise AssertionError(f"{what}: (predicted, actual) {wrong}")


def kept(name, kind, found):
    """Removed units whose weights are zero: does the output stay? In float64, with data."""
    model, shape = made(name, kind)
    if (n := sum(p.numel() for p in model.parameters())) > KEPT_AT_MOST:
        return "not tried", f"{n:,} parameters"
    shapes = shapes_of(without_data(name, kind)[0], shape)
    torch.manual_seed(0)
    try:
        profile = edgeprune.profile(model, shapes)
        widths = {g.name: max(1, g.width * 7 // 10 - i % 2) for i, g in enumerate(profile.groups)}
        plan = Plan.make(profile, widths, method="benchmark")
        pruned = edgeprune.prune(randomise(model), plan, weights="keep")
    except edgeprune.EdgepruneError as error:
        return "refused", str(error)
    xs = [torch.randn(2, *s, dtype=torch.float64) for s in shapes]
    with torch.no_grad(), channel_by_channel():
        expected, got = flat(without_removed(model, profile, widths)(*xs)), flat(pruned(*xs))
    worst = max(
        float((a - b).abs().max() / b.abs().max().clamp_min(1e-300)) for a, b in zip(got, expected, strict=True)
    )
    found["difference"] = worst
    return ("exact", None) if worst <= TOLERANCE else ("wrong", f"the output differs by {worst:.1e} of its largest")


def peer(name, kind, found):
    """Torch-Pruning as its documentation says, its output layers ignored (as our profile names them)."""
    import torch_pruning

    meta, shape = without_data(name, kind)
    shapes = shapes_of(meta, shape)
    layers = [n for n, m in meta.named_modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    try:
        frozen = edgeprune.profile(meta, shapes).frozen
        last = [n for n, why in frozen.items() if OUTPUT in why]
    except edgeprune.EdgepruneError:
        last = layers[-1:]
    model = made(name, kind)[0].eval()
    dense, expected = counted(model, shapes), [outputs(model, shapes, training, "cpu") for training in (True, False)]
    heads = {m.qkv: m.num_heads for m in model.modules() if hasattr(m, "qkv") and hasattr(m, "num_heads")}
    xs = [torch.randn(1, *s) for s in shapes]
    start = time.process_time()
    try:
        pruner = torch_pruning.pruner.BasePruner(
            model.eval(),
            tuple(xs) if len(xs) > 1 else xs[0],
            importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
            pruning_ratio=RATIO,
            ignored_layers=[model.get_submodule(n) for n in last if n in layers],
            num_heads=heads,
        )
        pruner.step()
    except Exception as error:  # whatever it raises is the result
        return "refused", f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
    found["cpu"] = time.process_time() - start
    try:
        now = [outputs(model, shapes, training, "cpu") for training in (True, False)]
    except Exception as error:
        return "wrong", f"the pruned network fails: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
    if now != expected:
        return "wrong", "the output's shape changed"
    found["left"] = counted(model, shapes)["macs"] / dense["macs"]
    return ("handled", None) if found["left"] < 1 else ("refused", "nothing was removed")


CHECKS = {"edgeprune": ours, "keep": kept, "torch-pruning": peer}


def work(check, name, kind, pipe, limit):
    """One check, in a process of its own."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))  # at the second SIGKILL, which says nothing
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    torch.manual_seed(0)
    found = {"name": name, "check": check, "kind": kind}
    try:
        verdict, why = CHECKS[check](name, kind, found)
    except Exception as error:
        verdict, why = "failed", f"{type(error).__name__}: {str(error).strip()[:300]}"
    pipe.send(found | {"verdict": verdict, "why": why})


def row(check, name, kind, limit):
    """The result of :func:`work`, whatever becomes of it."""
    context = multiprocessing.get_context("fork")  # the packages are imported once
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(check, name, kind, sender, limit))
    process.start()
    sender.close()
    try:
        found = receiver.recv() if receiver.poll(20 * limit) else None
    except EOFError:
        found = None
    if found is None:
        process.kill()
    process.join()
    if found is None:
        why = f"more than {limit} s of CPU time" if process.exitcode == -24 else f"ended with {process.exitcode}"
        found = {"name": name, "check": check, "kind": kind, "verdict": "failed", "why": why}
    return found


def versions():
    known = ("torch", "torchvision", "timm", "segmentation_models_pytorch", "torch_pruning")
    found = {p: version(p.replace("_", "-")) for p in known if find_spec(p)}
    return {"edgeprune": edgeprune.__version__, **found, "Python": platform.python_version()}


def warm_up():
    """What the first profile of a process imports is no network's time."""
    import torch._dynamo
    import torch.fx.experimental.symbolic_shapes  # noqa: F401

    for name in ("norms", "unknown", "channel_attention"):
        ours(name, "structure", {"name": name})


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="names to check")
    parser.add_argument("--checks", nargs="+", default=list(CHECKS), choices=CHECKS)
    parser.add_argument("--rows", type=Path, default=ROOT / "benchmarks" / "out" / "support.jsonl")
    parser.add_argument("--limit", type=int, default=120, help="seconds of CPU time for one check")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "support.md")
    parser.add_argument("--note", default="", help="what the page says of how the rows were made")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    known = names()
    todo = {n: kind for n, kind in known.items() if any(fnmatch.fnmatch(n, p) for p in args.only)}
    args.rows.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in args.rows.read_text().splitlines()] if args.rows.exists() else []
    done = {(r["check"], r["name"]) for r in rows}
    todo = [(check, n, kind) for n, kind in todo.items() for check in args.checks if (check, n) not in done]
    if todo:
        warm_up()
    made_by = {"made": str(date.today()), "versions": versions()}
    with args.rows.open("a") as file:
        for i, (check, name, kind) in enumerate(todo, 1):
            rows.append(row(check, name, kind, args.limit) | made_by)
            print(json.dumps(rows[-1], default=str), file=file, flush=True)
            told = f"{check}: {name}: {rows[-1]['verdict']} {(rows[-1]['why'] or '')[:100]}"
            print(f"{i}/{len(todo)} {told}", file=sys.stderr, flush=True)
    order = {n: i for i, n in enumerate(known)}
    rows.sort(key=lambda r: order.get(r["name"], len(order)))
    files.write_text(args.out, document(rows, args.note))
    return int(any(r["verdict"] == "wrong" for r in rows if r["check"] != "torch-pruning"))


if __name__ == "__main__":
    sys.exit(main())
