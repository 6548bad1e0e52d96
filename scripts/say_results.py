"""Say where the report and the table of a preset are, and what the table holds."""

import argparse
import sys
from pathlib import Path

from edgeprune import entrypoint
from edgeprune.errors import EdgepruneError


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, help="folder of the preset, e.g. results/quick")
    args = parser.parse_args(argv)
    table, report = args.results / "draw_figures" / "results.md", args.results / "report.html"
    for file in (table, report):
        if not file.is_file():
            raise EdgepruneError("was not made", file=file, remedy="run `make` again and read its first error")
    print(table.read_text(encoding="utf-8"))
    print(f"table:   {table} (also .csv, .tex)")
    print(f"figures: {table.parent}/")
    print(f"report:  {report.resolve().as_uri()}")
    print(f"tools:   `. {Path(sys.prefix).name}/bin/activate` puts snakemake, dvc and edgeprune on the path")


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
