"""What the scripts that draw figures share: the options that say where results are read from and figures go."""

import argparse

from edgeprune.reporting import runs


def add_results(parser, measurements=True):
    """Options that name the files of runs."""
    parser.add_argument(
        "--metrics", nargs="+", required=True, help="metrics.json of every run (or @file with the list)"
    )
    if measurements:
        parser.add_argument("--measurements", nargs="*", default=[], help="measurements of these runs (or @file)")
    parser.add_argument("--timings", nargs="*", default=[], help="timing.json of these runs, beside the metrics")


def add_pair(parser):
    """Options that choose one network on one dataset."""
    parser.add_argument("--network", help="needed if the files are of more than one")
    parser.add_argument("--dataset", help="needed if the files are of more than one")


def add_outputs(parser):
    """Options for a figure's files, which :func:`edgeprune.plotting.style.write` writes."""
    parser.add_argument("--out-svg")
    parser.add_argument("--out-png")
    parser.add_argument("--out-csv", help="the data of the figure")
    parser.add_argument("--out-caption", help="reStructuredText for the report")


def read(argv, description, measurements=True):
    """The options of a script that draws one pair's runs, the rows that they name, and a title for them."""
    parser = argparse.ArgumentParser(description=description, fromfile_prefix_chars="@")
    add_results(parser, measurements)
    add_pair(parser)
    add_outputs(parser)
    args = parser.parse_args(argv)
    found = runs.read(args.metrics, getattr(args, "measurements", ()), args.timings)
    rows = runs.select(found, args.network, args.dataset)
    return args, rows, f"{rows[0]['network']} on {rows[0]['dataset']}"
