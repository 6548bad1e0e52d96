"""Say which network to take from a preset, where its report is, and what to do next: one screen of 80 x 24."""

import argparse
import sys
import textwrap
from pathlib import Path

from edgeprune import entrypoint
from edgeprune.config.load import read_yaml
from edgeprune.errors import EdgepruneError
from edgeprune.reporting import answer

WIDTH, HEIGHT = 80, 22  # a line above, and the prompt below
MEASURED = ("test score", "latency", "energy")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, help="folder of the preset, e.g. results/quick")
    args = parser.parse_args(argv)
    table, report = args.results / "draw_figures" / "results.md", args.results / "index.html"
    for file in (table, report):
        if not file.is_file():
            raise EdgepruneError("was not made", file=file, remedy="run `make` again and read its first error")
    found = answer.answers(args.results, read_yaml(args.results / "config.yaml"))
    last = [
        "",
        f"report:  {report.resolve().as_uri()}",
        f"table:   {table} (also .csv, .tex)",
        f"next:    . {Path(sys.prefix).name}/bin/activate",
        f"         {found[0].command}",
    ]
    print("\n".join([*fitting(found, HEIGHT - rows(last)), *last]))


def fitting(found, room):
    """The answers in full if they fit into so many lines, else in short, else as many as do."""
    lines = answer.text(found, WIDTH).splitlines()
    for shown in range(len(found), 0, -1):
        if rows(lines) <= room:
            break
        more = ["and, in the report: " + ", ".join(each.dataset for each in found[shown:])] if found[shown:] else []
        lines = "\n\n".join([*map(short, found[:shown]), *more]).splitlines()
    return lines


def short(found):
    """An answer without what is said of how sure it is, the resources that follow from the plan in one line."""
    measured = [cost for cost in found.costs if cost.title in MEASURED]
    planned = [f"{cost.title} {cost.against or cost.value}" for cost in found.costs if cost not in measured]
    costs = [f"{cost.title} {cost.value}, {cost.against}".rstrip(", ") for cost in measured]
    lines = textwrap.wrap(found.verdict, WIDTH)
    for line in (*costs, ", ".join(planned)):
        lines += textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ")
    files = [f"  ONNX {found.model['onnx']}"] if found.model else []
    return "\n".join([found.asked, *lines, *files])


def rows(lines):
    """How many rows of the terminal these take."""
    return sum(max(1, -(-len(line) // WIDTH)) for line in lines)


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
