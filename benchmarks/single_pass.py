"""CPU time of training a pruned network in a single pass, over that of the three stages train, prune and fine-tune.

    python benchmarks/single_pass.py [--networks vgg16-quarter] [--preset cifar10-cpu] [--mode FA] [--targets 0.5]
        [--epochs 6] [--rounds 9] [--images 3200] [--threads 1] [--data FOLDER|ARCHIVE]

*Measured*, in alternation in one process, after a round to warm up; CPU seconds of all threads and wall seconds:

    plan     what the single pass does before it trains: trace the dense network, draw the plan, build its network
    single   an epoch of the plan's network, from fresh weights
    dense    an epoch of the dense network: stage 1
    ranking  pruning the dense network by the L1 norms of its filters: stage 2, `--method` of the baselines
    tuning   an epoch of the network so pruned: stage 3

Plan and baseline have the same budget; network, recipe and `round_to` are the preset's. Every epoch has the same
images, order, augmentation, batch size, precision and threads, and ends in a validation, of as many images for each
training image as the data set has. Only --images of them are trained on, for time's sake.

*Composed*, for each round: single pass = plan + E epochs; three stages = E dense epochs + ranking + E' epochs of
fine-tuning, E' as the recipe says (a quarter of E, rounded up). An epoch is the one measured, times the images of the
whole training split over --images. Dense training is charged in full, as in the whole cost of METHOD. The second figure
charges none of it: who has a trained network already asks for that one. Left out of both sides: starting processes,
reading data, the test at the end, the export, all of which the three stages do more often. Beside them stand the same
sums in training FLOPs (three times the forward pass, validation left out, as in metrics.json).

The interval of 95 % is that of the median over rounds on this machine, for one plan; another --seed draws another. Run
it on a quiet machine: a second process takes little CPU time away but makes each second of it worth less.

Without --data the images are synthetic: random bytes of CIFAR-10's shape, 45,000 to an epoch and 5,000 to validate.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from training import Limited, folder_of

import edgeprune
from edgeprune import entrypoint
from edgeprune.baselines.prune import prune_trained
from edgeprune.config.grid import of_widths
from edgeprune.config.load import effective
from edgeprune.config.recipe import Recipe
from edgeprune.config.recipes import recipe_of
from edgeprune.errors import EdgepruneError
from edgeprune.names import BASELINES, COUNTED
from edgeprune.networks.resolve import build
from edgeprune.training import budget, cost
from edgeprune.training import device as devices
from edgeprune.training.dataset import Dataset
from edgeprune.training.engine import Engine
from edgeprune.training.run import initialised

ROOT = Path(__file__).parents[1]
TRAIN, VALIDATION = 45_000, 5_000  # of CIFAR-10 as the presets split it
EPOCHS = ("single", "dense", "tuning")  # parts that are measured for each image, the others as a whole
PARTS = ("plan", "single", "dense", "ranking", "tuning")
CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
#: A load average, beside this benchmark's own, above which others are at work.
QUIET = 0.5


def compose(spent, epochs, images):
    """What the single pass and the three stages cost, from what their parts do.

    Args:
        spent: ``{part: cost}`` in any unit, for each training image of an epoch of ``single``, ``dense`` and
            ``tuning``, as a whole of ``plan`` and ``ranking``.
        epochs: ``{part: number}`` of the first three.
        images: training images of an epoch.

    Returns:
        dict: ``single``, ``stages`` and ``at_hand`` (the three stages without the first) in that unit; ``ratio`` and
        ``ratio_at_hand``, of the single pass to these two.
    """
    trained = {part: epochs[part] * images * spent[part] for part in EPOCHS}
    single, at_hand = spent["plan"] + trained["single"], spent["ranking"] + trained["tuning"]
    stages = trained["dense"] + at_hand
    return {
        "single": single,
        "stages": stages,
        "at_hand": at_hand,
        "ratio": single / stages,
        "ratio_at_hand": single / at_hand,
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="cifar10-cpu", help="whose networks, recipes and sampling settings")
    parser.add_argument("--networks", nargs="+", default=["vgg16-quarter"], help="of the preset's pairs")
    parser.add_argument("--mode", choices=COUNTED, default="FA")
    parser.add_argument("--targets", nargs="+", type=float, default=[0.5])
    parser.add_argument("--method", choices=BASELINES, default="l1", help="of the three stages")
    parser.add_argument("--epochs", nargs="+", type=int, help="to compose for; default: the recipe's")
    parser.add_argument("--rounds", type=int, default=9, help="at least 6 for an interval (default 9)")
    parser.add_argument("--images", type=int, default=3200, help="to train on in a timed epoch (default 3200)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", help="a fetched dataset's folder, or an archive of images")
    parser.add_argument("--out", help="write every round as JSON too")
    args = parser.parse_args(argv)
    if min(args.rounds, args.images, args.threads, *args.epochs or [1]) < 1:
        parser.error("rounds, images, threads and epochs are whole numbers of at least 1")
    config, where = effective(ROOT, {"preset": args.preset}), torch.device("cpu")
    devices.prepare(where, args.threads)
    before, rows = os.getloadavg()[0], []
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as scratch:
        data, full = data_of(args, Path(scratch) / "data")
        for name in args.networks:
            if name not in config["recipes"]:
                known = ", ".join(config["recipes"])
                raise EdgepruneError(f"no pair of the preset {args.preset} has {name!r}", remedy=f"one of: {known}")
            for target in args.targets:
                rows.append(compare(name, config, data, full, target, args))
    after = os.getloadavg()[0]
    quiet = before <= QUIET and after <= args.threads + QUIET
    print(
        f"{devices.hardware(where)}, torch {torch.__version__}, {args.threads} thread(s), {args.rounds} rounds of "
        f"{len(data.samples('train')):,} images and {len(data.samples('val')):,} to validate, composed to epochs of "
        f"{full:,}; {'synthetic images' if args.data is None else args.data}; load average {before:.1f} before, "
        f"{after:.1f} after" + ("" if quiet else " (warning: not a quiet machine)")
    )
    for row in rows:
        say(row)
    if args.out:
        about = {"hardware": devices.hardware(where), "torch": torch.__version__, "threads": args.threads}
        value = about | {"load": [before, after], "images_per_epoch": full, "rows": rows}
        Path(args.out).write_text(json.dumps(value, indent=2) + "\n")


def data_of(args, scratch):
    """The images of the timed epochs, and how many training images there are of which these are some."""
    if args.data is None:
        train, val = TRAIN, VALIDATION
        folder = folder_of(None, args.images, scratch, validation_of(args.images, train, val))
    else:
        folder = folder_of(args.data, None, scratch)
        train, val = (len(Dataset(folder).samples(name)) for name in ("train", "val"))
    images = min(args.images, train)
    return Limited(folder, "cpu", images, validation_of(images, train, val)), train


def validation_of(images, train, val):
    return max(1, round(images * val / train))


def compare(name, config, data, full, target, args):
    """All rounds of one network and target."""
    spec, settings, images = config["networks"][name], config["sampling"][name], len(data.samples("train"))
    fresh = build(spec, name=name, **data.task.factory_arguments())
    profile = edgeprune.profile(fresh, data.input_shape, network=name)
    recipe, tuning = (recipe_for(config, name, fine_tuning=each, rounds=args.rounds) for each in (False, True))
    dense = Engine(
        initialised(name, spec, data, edgeprune.sample(profile, method="dense"), args.seed), data, recipe, args.seed
    )

    def start():
        """What the single pass does before it trains."""
        model = build(spec, name=name, **data.task.factory_arguments())
        own = edgeprune.profile(model, data.input_shape, network=name)
        plan = edgeprune.sample(own, args.mode, target, args.seed, **settings)
        return edgeprune.prune(model, plan), plan

    def rank():
        asked = {"method": args.method, "mode": args.mode, "target": target}
        return prune_trained(dense.trained, profile, **asked, settings=of_widths(config["sampling"], name))

    rounds, single, tuned = [], None, None
    for number in range(args.rounds + 1):
        spent = {}
        (model, plan), spent["plan"] = timed(start)
        single = single or Engine(model, data, recipe, args.seed)
        spent["single"] = an_epoch(single)
        spent["dense"] = an_epoch(dense)
        (model, ranked), spent["ranking"] = timed(rank)
        tuned = tuned or Engine(model, data, tuning, args.seed)
        spent["tuning"] = an_epoch(tuned)
        for part in EPOCHS:
            spent[part] = {clock: seconds / images for clock, seconds in spent[part].items()}
        print(f"{name} -{target:.0%}: round {number} of {args.rounds}", file=sys.stderr)
        if number:  # the first warms up
            rounds.append(spent)
    flops = {"single": plan.totals["flops"], "dense": plan.dense_totals["flops"], "tuning": ranked.totals["flops"]}
    flops = {part: cost.STEP_OVER_FORWARD * count for part, count in flops.items()} | {"plan": 0, "ranking": 0}
    return {
        "network": name,
        "mode": args.mode,
        "target": target,
        "method": args.method,
        "seed": args.seed,
        "batch_size": recipe.batch_size,
        "precision": dense.precision,
        "augment": list(recipe.augment),
        "rounds": rounds,
        "flops": flops,
        "composed": [composed(rounds, flops, epochs_of(config, name, plan, e), full) for e in args.epochs or [None]],
    }


def recipe_for(config, name, *, fine_tuning, rounds):
    """The recipe of a stage, with an epoch for each round and one to warm up."""
    recipe = Recipe.from_dict(recipe_of(config["recipes"], name, fine_tuning=fine_tuning))
    return replace(recipe, epochs=rounds + 1, warmup_epochs=min(recipe.warmup_epochs, rounds + 1), device="cpu")


def epochs_of(config, name, plan, epochs):
    """Epochs of each stage if the recipe's are ``epochs``; as it says if None."""
    changes = {} if epochs is None else {"epochs": epochs}
    if epochs is not None:  # a warm-up of more epochs than there are would be refused
        changes["warmup_epochs"] = min(epochs, config["recipes"][name].get("warmup_epochs", 0))
    recipe, tuning = (
        Recipe.from_dict(recipe_of(config["recipes"], name, changes=changes, fine_tuning=each))
        for each in (False, True)
    )
    return {"single": budget.epochs(recipe, plan), "dense": recipe.epochs, "tuning": tuning.epochs}


def composed(rounds, flops, epochs, images):
    """``epochs``, and :func:`compose` of every round by both clocks, and of the FLOPs."""
    times = {clock: [compose({p: r[p][clock] for p in PARTS}, epochs, images) for r in rounds] for clock in CLOCKS}
    return {"epochs": epochs} | times | {"flops": [compose(flops, epochs, images)]}


def an_epoch(engine):
    """Seconds of the engine's next epoch, its validation included, by each clock."""
    ends = []
    begin = now()
    engine.run(after_epoch=lambda _: ends.append(now()), stop=lambda: bool(ends))
    return {clock: ends[0][clock] - begin[clock] for clock in CLOCKS}


def timed(function):
    """What the function returns, and its seconds by each clock."""
    begin = now()
    result = function()
    end = now()
    return result, {clock: end[clock] - begin[clock] for clock in CLOCKS}


def now():
    return {clock: read() for clock, read in CLOCKS.items()}


def say(row):
    """The two tables of a network and target."""
    print(
        f"\n**{row['network']}, {row['mode']} −{row['target']:.0%}, plan of seed {row['seed']}; three stages by "
        f"{BASELINES[row['method']]}; batch {row['batch_size']}, {row['precision']}, "
        f"{'+'.join(row['augment']) or 'no'} augmentation**\n"
    )
    print("Measured: median of the rounds (least to most); epochs in seconds for 1,000 images, validation included.\n")
    print("| part | CPU seconds | wall seconds | CPU, of dense | FLOPs, of dense |\n|---|---|---|---|---|")
    for part in PARTS:
        scale, shares = 1, ("", "")
        if part in EPOCHS:
            ratios = [r[part]["cpu"] / r["dense"]["cpu"] for r in row["rounds"]]
            scale, shares = 1000, (spread(ratios), f"{row['flops'][part] / row['flops']['dense']:.3f}")
            shares = ("1", "1") if part == "dense" else shares
        cells = (spread([scale * r[part][clock] for r in row["rounds"]]) for clock in CLOCKS)
        print(f"| {part} | {' | '.join(cells)} | {shares[0]} | {shares[1]} |")
    print("\nComposed; less: 1 − ratio, with the median's interval of 95 % over the rounds.\n")
    print("| epochs: single; dense + tuning | in | single pass | three stages | ratio | less |")
    print("|---|---|---|---|---|---|")
    for each in row["composed"]:
        epochs = "{single}; {dense} + {tuning}".format(**each["epochs"])
        for unit in (*CLOCKS, "flops"):
            single, stages, ratios = ([c[key] for c in each[unit]] for key in ("single", "stages", "ratio"))
            amounts = (amount(statistics.median(values), unit) for values in (single, stages))
            print(
                f"| {epochs} | {NAMES[unit]} | {' | '.join(amounts)} | {statistics.median(ratios):.3f} | "
                f"{less(ratios)} |"
            )
    print("\nIf a trained dense network is at hand already, against ranking and fine-tuning alone:\n")
    print("| epochs: single; tuning | in | single pass | ranking and fine-tuning | ratio |\n|---|---|---|---|---|")
    for each in row["composed"]:
        epochs = "{single}; {tuning}".format(**each["epochs"])
        for unit in (*CLOCKS, "flops"):
            single, rest, ratios = ([c[key] for c in each[unit]] for key in ("single", "at_hand", "ratio_at_hand"))
            amounts = (amount(statistics.median(values), unit) for values in (single, rest))
            print(f"| {epochs} | {NAMES[unit]} | {' | '.join(amounts)} | {between(ratios)} |", flush=True)


NAMES = {"cpu": "CPU seconds", "wall": "wall seconds", "flops": "training FLOPs"}


def amount(value, unit):
    return f"{value:.3g}" if unit == "flops" else f"{value:,.1f}"


def spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def median_interval(values, confidence=0.95):
    """(low, high) that hold the median of what the values were drawn from with at least this confidence.

    The k-th smallest and the k-th largest value: the median lies outside only if fewer than k of n draws fall on one
    side of it, which has the probability of the binomial distribution (n, 1/2). (None, None) for fewer than 6 values.
    """
    values, k, tail = sorted(values), 0, 0
    while 2 * (tail + math.comb(len(values), k)) <= (1 - confidence) * 2 ** len(values):
        tail += math.comb(len(values), k)
        k += 1
    return (values[k - 1], values[-k]) if k else (None, None)


def bounds(values):
    """What stands beside a median: its interval, or the range where the rounds are too few; ``(low, high, word)``."""
    low, high = median_interval(values)
    return (min(values), max(values), "range ") if low is None else (low, high, "")


def between(ratios):
    low, high, word = bounds(ratios)
    return f"{statistics.median(ratios):.2f}" + (f" ({word}{low:.2f} to {high:.2f})" if len(ratios) > 1 else "")


def less(ratios):
    """``57 % less`` of a ratio of 0.43, or so many per cent more."""
    sign = 1 if statistics.median(ratios) <= 1 else -1
    saved = [sign * 100 * (1 - ratio) for ratio in ratios]
    low, high, word = bounds(saved)
    told = f"{statistics.median(saved):.1f} % {'less' if sign > 0 else 'more'}"
    return told + (f" ({word}{low:.1f} to {high:.1f})" if len(ratios) > 1 else "")


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
