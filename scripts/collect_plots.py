"""Put together what `dvc plots` shows: training curves as one table, and the figures in a folder of their own."""

import shutil
import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune import files
from edgeprune.reporting import curves, script
from edgeprune.training.history import to_csv


def main(argv=None):
    parser = script.Parser(description=__doc__)
    parser.add_argument("--histories", nargs="+", required=True, help="history.csv of every run")
    parser.add_argument("--figures", nargs="*", default=[], help="<folder>/<network>/<dataset>/<figure>.png")
    parser.add_argument("--out-curves", required=True)
    parser.add_argument("--out-figures", required=True, help="folder for <network>-<dataset>-<figure>.png")
    args = parser.parse_args(argv)
    folder = Path(args.out_figures)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.png"):  # of networks that are no longer in the grid
        stale.unlink()
    for figure in map(Path, args.figures):
        with files.replacing(folder / "-".join(figure.parts[-3:])) as temporary:
            shutil.copyfile(figure, temporary)
    files.write_text(args.out_curves, to_csv(curves.of_runs(args.histories)))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
