"""What the scripts share that read the files of many runs."""

import argparse

from edgeprune.reporting import runs


class Parser(argparse.ArgumentParser):
    """A parser that takes ``@file`` for the lines of a file; an empty line is no argument."""

    def __init__(self, **options):
        super().__init__(fromfile_prefix_chars="@", **options)

    def convert_arg_line_to_args(self, line):
        return [line] if line else []


def add_results(parser, measurements=True):
    """Options that name the files of runs."""
    parser.add_argument(
        "--metrics", nargs="+", required=True, help="metrics.json of every run (or @file with the list)"
    )
    if measurements:
        parser.add_argument("--measurements", nargs="*", default=[], help="measurements of these runs (or @file)")
    parser.add_argument("--timings", nargs="*", default=[], help="timing.json of these runs, beside the metrics")


def add_pair(parser, required=False):
    """Options that name one network on one dataset."""
    needed = "its name in the title" if required else "needed if the files are of more than one"
    parser.add_argument("--network", required=required, help=needed)
    parser.add_argument("--dataset", required=required, help=needed)


def read_runs(args):
    """The rows of the one pair that the options name, and a title for them."""
    found = runs.read(args.metrics, getattr(args, "measurements", ()), args.timings)
    rows = runs.select(found, args.network, args.dataset)
    return rows, f"{rows[0]['network']} on {rows[0]['dataset']}"
