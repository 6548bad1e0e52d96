"""What the commands that need a live network share: how it is named on the command line, built and profiled."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune.commands import options
from edgeprune.errors import EdgepruneError

if TYPE_CHECKING:
    from torch import nn

    from edgeprune.complexity.profile import Profile


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "network", metavar="NETWORK", help="name in config.yaml, package.module:factory or file.py:factory"
    )
    parser.add_argument(
        "--input",
        metavar="CxHxW",
        action="append",
        help="shape of an input without the batch, e.g. 3x32x32 (the default); repeat for several inputs",
    )
    parser.add_argument(
        "--classes", type=options.whole("--classes", 1), help="num_classes, handed to the factory if it takes that"
    )
    parser.add_argument("--args", default="{}", help="further arguments of the factory, as a JSON object")
    parser.add_argument(
        "--config", default="config.yaml", help="where network names are looked up (default: %(default)s)"
    )


def build(args: Namespace) -> nn.Module:
    """The network that the command line names, a ``torch.nn.Module``.

    Raises:
        EdgepruneError: no such name, or its factory fails.
    """
    import torch  # noqa: F401  of what the command lacks, the largest part is told first

    from edgeprune.networks import resolve

    given, known = offered(args), spec(args)
    return resolve.build(known, name=None if ":" in args.network else args.network, **given)


def offered(args: Namespace) -> dict[str, Any]:
    """What the network's factory is told, if it takes that: ``num_classes``, ``in_channels`` and ``input_size``."""
    channels, *space = input_shapes(args)[0]
    size = space[0] if len(set(space)) == 1 else tuple(space) or None
    known = {"num_classes": args.classes, "in_channels": channels, "input_size": size}
    return {key: value for key, value in known.items() if value is not None}


def input_shapes(args: Namespace) -> tuple[tuple[int, ...], ...]:
    """The shapes given by ``--input``, each a tuple of integers.

    Raises:
        EdgepruneError: a shape that is not numbers joined by ``x``.
    """
    shapes = []
    for text in args.input or ["3x32x32"]:
        if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", text):
            raise EdgepruneError(f"{text!r} is not a shape", key="--input", remedy="write e.g. 3x32x32")
        shapes.append(tuple(int(n) for n in text.split("x")))
    return tuple(shapes)


def profile_of(args: Namespace, model: nn.Module) -> Profile:
    """The complexity profile of the network that :func:`build` made, under the name that the user gave it."""
    from edgeprune.tracing.profile import profile

    name = args.network.rpartition(":")[2]
    return profile(model, input_shapes(args), network=name)


def spec(args: Namespace) -> dict[str, Any]:
    """``{"factory": …, "args": …}`` of the network on the command line, ``--args`` included.

    Raises:
        EdgepruneError: no such name, or ``--args`` is not a JSON object.
    """
    try:
        further = json.loads(args.args)
    except json.JSONDecodeError as error:
        raise EdgepruneError(f"{args.args!r} is not JSON ({error})", key="--args") from error
    if not isinstance(further, dict):
        raise EdgepruneError(f"{args.args!r} is not a JSON object", key="--args", remedy="""e.g. '{"width": 64}'""")
    if ":" in args.network:
        return {"factory": args.network, "args": further}
    known = {}
    if Path(args.config).exists():
        from edgeprune.config.load import read_yaml

        known = read_yaml(args.config).get("networks") or {}
    if args.network not in known:
        names = ", ".join(known) or f"{args.config} names none"
        raise EdgepruneError(
            f"there is no network {args.network!r} in {args.config}",
            key="NETWORK",
            remedy=f"one of {names}; or package.module:factory, or path/file.py:factory",
        )
    found = known[args.network]
    return {**found, "args": {**(found.get("args") or {}), **further}}
