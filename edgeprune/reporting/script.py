"""What the scripts share that read many runs."""

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


def add_files(parser: argparse.ArgumentParser) -> None:
    """Options that name the files of runs."""
    parser.add_argument(
        "--metrics", nargs="+", required=True, help="metrics.json of every run (or @file with the list)"
    )
    parser.add_argument("--measurements", nargs="*", default=[], help="measurements of these runs (or @file)")
    parser.add_argument("--timings", nargs="*", default=[], help="timing.json of these runs, beside the metrics")


def add_runs(parser: argparse.ArgumentParser) -> None:
    """The option that names tables of runs."""
    parser.add_argument("--runs", nargs="+", required=True, help="tables of collect_runs.py (or @file with the list)")


def add_pair(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Options that name one network on one dataset."""
    needed = "whose runs they are, in the title too" if required else "needed if the tables are of more than one"
    parser.add_argument("--network", required=required, help=needed)
    parser.add_argument("--dataset", required=required, help=needed)


def read_pair(args: argparse.Namespace) -> list[Row]:
    """The rows of the one network on one dataset that the options name."""
    return runs.select(runs.read_tables(args.runs), args.network, args.dataset)


def figure(
    rows: list[Row], draw: Callable[[list[Row], str], Drawing], caption: Callable[[list[Row]], str]
) -> tuple[Drawing, list[Row], str]:
    """A figure of the rows of one pair, these rows, and its caption, which is of the groups."""
    title = f"{rows[0]['network']} on {rows[0]['dataset']}"
    return draw(rows, title), rows, caption(runs.group(rows))
