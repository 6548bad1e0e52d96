"""Draw a plan: how many filters each layer keeps, to reach a target or a budget."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Any

from edgeprune import amounts
from edgeprune.commands import options
from edgeprune.errors import EdgepruneError


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("profile", metavar="PROFILE", help="a profile made by `edgeprune profile --out`")
    parser.add_argument(
        "--mode",
        help="whose shares weigh the draw: PA parameters, FA FLOPs (default), MA memory; LA latency, EA energy",
    )
    parser.add_argument("--table", metavar="FILE", help="a device's layer costs, made by scripts/measure_layers.py")
    parser.add_argument("--target", type=options.fraction("--target"), help="fraction of it to remove (default: 0.5)")
    parser.add_argument(
        "--seed",
        type=options.whole("--seed"),
        default=0,
        help="the same seed gives the same plan everywhere (default: 0)",
    )
    parser.add_argument("--method", default="complexity", help="complexity (default), uniform, random or dense")
    parser.add_argument(
        "--budget",
        nargs="+",
        metavar="RESOURCE=AMOUNT",
        help="instead of mode and target: what may remain of params, macs, flops, memory, peak_memory (bytes), reached "
        "together; above 1 absolute, below 1 a fraction of the dense network, e.g. params=1e6 macs=50%% memory=2MB",
    )
    parser.add_argument(
        "--prunable", default="all", help="all (default), or conv: hidden linear layers stay as they are"
    )
    parser.add_argument(
        "--min-channels", help="what each layer keeps: a number, e.g. 8, or a fraction, e.g. 0.1 (default)"
    )
    parser.add_argument("--protect", nargs="+", default=[], metavar="PATTERN", help="layers that keep all filters")
    parser.add_argument(
        "--round-to",
        type=options.whole("--round-to", 1),
        default=1,
        metavar="N",
        help="kept channels are multiples of N",
    )
    parser.add_argument(
        "--draw",
        default="filter",
        help="what the shares weigh: filter (default), every single filter; layer, layers, however wide they are",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="write the plan here, as JSON; without it, only the table is shown"
    )
    options.add_json(parser)


def run(args: Namespace) -> None:
    from edgeprune.commands.tables import plan_table
    from edgeprune.sampling import methods
    from edgeprune.sampling.sample import sample

    options.check_out(args.out, args.profile, args.table)
    further: dict[str, Any] = {}
    if args.min_channels is not None:
        floor = amounts.number(args.min_channels, "--min-channels", remedy="e.g. 8, or 0.1 for 10 %")
        further["min_channels"] = amounts.plain(floor)
    asked = [f"--{name}" for name in ("mode", "target", "budget") if getattr(args, name) is not None]
    if asked and not methods.get(args.method).reduces:
        problem = f"removes nothing, so {asked[0]} is of no use"
        raise EdgepruneError(problem, key=f"--method {args.method}", remedy="leave it out, or name another method")
    if args.budget:
        given = [option for option in asked if option != "--budget"]
        if given:
            raise EdgepruneError(
                f"cannot go with {' and '.join(given)}", key="--budget", remedy="give one or the other"
            )
        further["budget"] = _budget(args.budget)
    plan = sample(
        args.profile,
        args.mode or "FA",
        0.5 if args.target is None else args.target,
        args.seed,
        method=args.method,
        prunable=args.prunable,
        protect=args.protect,
        round_to=args.round_to,
        draw=args.draw,
        table=args.table,
        **further,
    )
    if args.out is not None:
        plan.save(args.out)
    options.show(args, lambda: plan.to_json(), lambda: plan_table([plan]))


def _budget(items: Iterable[str]) -> dict[str, str]:
    budget = {}
    for item in items:
        resource, equals, amount = item.partition("=")
        if not equals or resource in budget:
            problem = "is given twice" if equals else "is not RESOURCE=AMOUNT"
            raise EdgepruneError(f"{item!r} {problem}", key="--budget", remedy="e.g. --budget params=1e6 macs=0.5")
        budget[resource] = amount
    return budget
