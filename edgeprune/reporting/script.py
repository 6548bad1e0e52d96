"""What the scripts share that read the files of many runs."""

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from edgeprune.reporting import Row, runs

Drawing = TypeVar("Drawing")


class Parser(argparse.ArgumentParser):
    """A parser that takes ``@file`` for the lines of a file; an empty line is no argument."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fromfile_prefix_chars="@", **options)

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        return [arg_line] if arg_line else []


def add_results(parser: argparse.ArgumentParser, measurements: bool = True) -> None:
    """Options that name the files of runs."""
    parser.add_argument(
        "--metrics", nargs="+", required=True, help="metrics.json of every run (or @file with the list)"
    )
    if measurements:
        parser.add_argument("--measurements", nargs="*", default=[], help="measurements of these runs (or @file)")
    parser.add_argument("--timings", nargs="*", default=[], help="timing.json of these runs, beside the metrics")


def add_pair(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Options that name one network on one dataset."""
    needed = "its name in the title" if required else "needed if the files are of more than one"
    parser.add_argument("--network", required=required, help=needed)
    parser.add_argument("--dataset", required=required, help=needed)


def figure(
    args: argparse.Namespace, draw: Callable[[list[Row], str], Drawing], caption: Callable[[list[Row]], str]
) -> tuple[Drawing, list[Row], str]:
    """A figure of the one pair that the options name, its rows, and its caption, which is of the groups."""
    found = runs.read(args.metrics, getattr(args, "measurements", ()), args.timings)
    rows = runs.select(found, args.network, args.dataset)
    title = f"{rows[0]['network']} on {rows[0]['dataset']}"
    return draw(rows, title), rows, caption(runs.group(rows))
