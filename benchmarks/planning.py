"""Time from a live network to a physically smaller one at -50 % MACs: this package beside Torch-Pruning, alternating.

    python benchmarks/planning.py [--networks vgg16 resnet50 mobilenetv2 ...] [--repeats 5] [--threads 1]

One process. Ours: `profile`, `sample` (a budget of MACs), `prune` (which also initialises the weights anew).
Torch-Pruning's MagnitudePruner with two importances, L2 magnitude and random, each in two ways to reach the same
budget: iterative (100 steps, stopped as soon as the budget is met, as its examples do) and bisection (8 steps on the
ratio, the largest network within the budget is kept). Each starts from a copy that was made before the clock starts;
imports are not timed; what a baseline fails on is told; the first round warms up and does not count. The MACs of
every result are counted by `torch.utils.flop_counter`, outside the timed part. The exit code is 1 if a budget or a
required ratio is missed.
Torch-Pruning comes with `make env-dev`.
"""

import argparse
import copy
import platform
import statistics
import sys
import time
import warnings
from importlib.metadata import version

import torch
from yolo import C2f

import edgeprune
from edgeprune.networks.resolve import build
from edgeprune.surgery.verify import counted
from edgeprune.tracing.profile import OUTPUT

NETWORKS = {
    "vgg16": "edgeprune.networks.vgg:vgg16",
    "resnet50": "edgeprune.networks.resnet:resnet50",
    "mobilenetv2": "edgeprune.networks.mobilenet:mobilenetv2",
    "densenet121": {"factory": "torchvision.models:densenet121", "args": {"num_classes": 10}},
    "efficientnet_b0": {"factory": "torchvision.models:efficientnet_b0", "args": {"num_classes": 10}},
    "c2f": {"factory": "yolo:Detector", "args": {"block": C2f}},
}
SHAPE, CLASSES, TARGET = (3, 32, 32), 10, 0.5
ITERATIVE_STEPS, BISECTION_STEPS = 100, 8
#: What has to be reached at least: times ours, for the magnitude importance.
REQUIRED = {"iterative": 10, "bisection": 5}


def ours(model, budget, seed):
    profile = edgeprune.profile(model, SHAPE)
    return edgeprune.prune(model, edgeprune.sample(profile, budget={"macs": budget}, seed=seed))


def iterative(importance):
    """Torch-Pruning's own loop to a speed-up: steps of 1 % of the channels until the budget is met."""

    def run(model, budget, _seed):
        x = torch.randn(1, *SHAPE)
        pruner = _pruner(model, x, importance, pruning_ratio=1.0, iterative_steps=ITERATIVE_STEPS)
        for _ in range(ITERATIVE_STEPS):
            pruner.step()
            if _macs(model, x) <= budget:
                return model
        raise RuntimeError("the budget was not reached")

    return run


def bisection(importance):
    def run(model, budget, _seed):
        x, low, high, best = torch.randn(1, *SHAPE), 0.0, 1.0, None
        for _ in range(BISECTION_STEPS):
            ratio, candidate = (low + high) / 2, copy.deepcopy(model)
            _pruner(candidate, x, importance, pruning_ratio=ratio).step()
            if _macs(candidate, x) <= budget:
                high, best = ratio, candidate
            else:
                low = ratio
        return best

    return run


def _pruner(model, x, importance, **settings):
    import torch_pruning as tp

    importance = tp.importance.RandomImportance() if importance == "random" else tp.importance.MagnitudeImportance(p=2)
    outputs = [model.get_submodule(name) for name in model.output_layers]
    return tp.pruner.MagnitudePruner(model, x, importance=importance, ignored_layers=outputs, **settings)


def _macs(model, x):
    """MACs of convolutions and linear layers, by hooks: what the baselines steer by.

    Cheaper than their `count_ops_and_params`, which copies the network, and by the definition of the budget.
    """
    counts, hooks = [], []
    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            hook = lambda m, _, out: counts.append(m.weight.numel() * out[0, 0].numel())  # noqa: E731
            hooks.append(module.register_forward_hook(hook))
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def network_of(name):
    """The network, with the layers of torch itself: Torch-Pruning treats subclasses differently."""
    torch.manual_seed(0)
    model = build(NETWORKS[name], num_classes=CLASSES, in_channels=SHAPE[0], input_size=SHAPE[1]).eval()
    for module in model.modules():
        for plain in (torch.nn.Conv2d, torch.nn.Linear):
            if isinstance(module, plain):
                module.__class__ = plain
    model.output_layers = [n for n, why in edgeprune.profile(model, SHAPE).frozen.items() if OUTPUT in why]
    return model


METHODS = {
    "ours": ours,
    **{f"{way.__name__} {how}": way(how) for how in ("magnitude", "random") for way in (iterative, bisection)},
}


def measure(network, repeats):
    """``{method: (seconds of each repeat, MACs of each result as fractions of the dense)}``; of a method that fails,
    the name of its error."""
    model = network_of(network)
    dense = counted(model, [SHAPE])["macs"]
    seconds, reached, failed = {name: [] for name in METHODS}, {name: [] for name in METHODS}, {}
    for repeat in range(repeats + 1):
        for name, method in METHODS.items():
            if name in failed:
                continue
            own = copy.deepcopy(model)
            start = time.perf_counter()
            try:
                pruned = method(own, dense * (1 - TARGET), repeat)
            except Exception as error:
                if name == "ours":
                    raise
                failed[name] = type(error).__name__
                continue
            elapsed = time.perf_counter() - start
            if repeat:
                seconds[name].append(elapsed)
                reached[name].append(counted(pruned, [SHAPE])["macs"] / dense)
        print(f"{network}: round {repeat} of {repeats}", file=sys.stderr)
    return {name: failed.get(name) or (seconds[name], reached[name]) for name in METHODS}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore")
    print(
        f"torch {torch.__version__}, torch-pruning {version('torch-pruning')}, Python {platform.python_version()} on "
        f"{platform.machine()}, {args.threads} thread(s); median of {args.repeats}, input {SHAPE}, -{TARGET:.0%} MACs\n"
    )
    print("| network | method | seconds | least | most | times ours | MACs left, % (most) | required |")
    print("|---|---|---|---|---|---|---|---|")
    good = True
    for network in args.networks:
        results = measure(network, args.repeats)
        base = statistics.median(results["ours"][0])
        for name, result in results.items():
            if isinstance(result, str):
                print(f"| {network} | {name} | fails: {result} | | | | | |", flush=True)
                continue
            seconds, reached = result
            median, most = statistics.median(seconds), max(reached)
            least = REQUIRED[name.split()[0]] if name.endswith("magnitude") else None
            met = most <= 1 - TARGET
            good &= met and (least is None or median / base >= least)
            print(
                f"| {network} | {name} | {median:.3f} | {min(seconds):.3f} | {max(seconds):.3f} | "
                f"{median / base:.1f} | "
                f"{100 * most:.2f}{'' if met else ' (misses)'} | {least or ''} |",
                flush=True,
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
