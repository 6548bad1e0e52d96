"""Write the first page of a preset's results: the network to take, and everything to judge it by."""

import argparse
import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune import files
from edgeprune.config.load import read_yaml
from edgeprune.reporting import index


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, help="folder of the preset, with its table of runs")
    parser.add_argument("--libraries", required=True, help="folder with the JavaScript of Snakemake's own report")
    parser.add_argument("--pictures", nargs="*", default=[], help="figures of test images, as PNG")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)
    config, curves = read_yaml(args.results / "config.yaml"), args.results / "draw_figures/plots/curves.csv"
    files.write_text(args.out, index.page(args.results, config, curves, args.libraries, args.pictures))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
