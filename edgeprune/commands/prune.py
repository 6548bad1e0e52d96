"""Prune a network by a plan, and write the smaller network's weights."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from edgeprune.commands import network, options
from edgeprune.errors import EdgepruneError

if TYPE_CHECKING:
    from torch import nn


def arguments(parser: ArgumentParser) -> None:
    network.arguments(parser)
    parser.add_argument("plan", metavar="PLAN", help="a plan drawn from this network's profile, with the same input")
    parser.add_argument(
        "--weights",
        choices=("reset", "keep"),
        default="reset",
        help="reset: each module initialises itself anew (default); keep: the surviving filters keep their weights",
    )
    parser.add_argument("--state", metavar="FILE", help="state dict of the dense network, for --weights keep")
    parser.add_argument(
        "--seed", type=options.whole("--seed"), default=0, help="seed of the initialisation (default: 0)"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="checkpoint: state dict, plan, how to build it")


def run(args: Namespace) -> None:
    from edgeprune.sampling.plan import Plan

    options.check_out(args.out, args.network, args.plan, args.state)
    plan = Plan.load(args.plan)
    if args.state and args.weights != "keep":
        raise EdgepruneError(
            "is of no use when weights are initialised anew", key="--state", remedy="add --weights keep"
        )
    import torch

    from edgeprune.surgery.prune import prune
    from edgeprune.training import checkpoint

    torch.manual_seed(args.seed)
    model = network.build(args)
    if args.state:
        _load_state(model, args.state)
    plan = plan.attach(network.profile_of(args, model))
    torch.manual_seed(args.seed)
    small = prune(model, plan, weights=args.weights)
    checkpoint.save(
        args.out,
        {
            "network": plan.network,
            "factory": network.spec(args),
            "arguments": network.offered(args),
            "input_shape": [list(shape) for shape in network.input_shapes(args)],
            "plan": plan.to_json(),
            "widths": dict(plan.widths),
            "state_dict": checkpoint.weights(small),
        },
    )
    before, after = (sum(p.numel() for p in m.parameters()) for m in (model, small))
    print(f"{args.out}: {before:,} -> {after:,} parameters, {plan.totals['macs']:,} MACs", file=sys.stderr)


def _load_state(model: nn.Module, path: str) -> None:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state.get("state_dict", state))
    except FileNotFoundError as error:
        raise EdgepruneError("there is no such file", file=path, key="--state") from error
    except Exception as error:  # torch raises what its many formats raise
        reason = str(error).strip().partition("\n")[0]
        raise EdgepruneError(f"is not this network's state dict ({reason})", file=path, key="--state") from error
