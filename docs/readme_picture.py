"""Draw the README's first picture: a photograph as a network gets it, and what the dense and a pruned one make of it.

    python docs/readme_picture.py --results results/low-level --out docs/images/denoised.png

Every number is read from the results: the scores are of the whole image, the times and the speed-up of the device that
measured, means over the runs.
"""

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt

from edgeprune import entrypoint, files
from edgeprune.commands.recommend import read
from edgeprune.plotting import samples
from edgeprune.plotting.kinds.kind import pixels, shown
from edgeprune.reporting import runs


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True, type=Path)
    parser.add_argument("--network", default="dncnn-medium")
    parser.add_argument("--dataset", default="noisy")
    parser.add_argument("--variant", default="FA-0.50", help="to be shown beside dense (default: %(default)s)")
    parser.add_argument("--image", type=int, default=0, help="number of the test image shown, from 0")
    parser.add_argument("--square", type=int, nargs=3, default=(165, 25, 176), metavar=("LEFT", "TOP", "SIDE"))
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    rows = [row for row in runs.select(read(args.results), args.network, args.dataset) if row["runtime"] == "fp32"]
    rows = [row for row in rows if row["variant"] in ("dense", args.variant)]
    seed = rows[0]["seed"]
    models = [Path(row["metrics_file"]).with_name("model.onnx") for row in rows if row["seed"] == seed]
    root = args.results.resolve().parents[1]  # files in tables are relative to it
    kind = samples.read(args.results / "fetch_dataset" / args.dataset, [root / model for model in models], rows)
    sample = samples.see(kind)[args.image]
    metric = kind.task.headline
    left, top, side = args.square

    def score(variant):
        return shown(metric, sample.scores[variant][metric.name])

    cells = [("noisy photograph", sample.image, score(None))]
    for one in kind.series:
        group = one.group
        speed = "" if one.run["variant"] == "dense" else f", {group['speedup']:.2f} × as fast"
        cost = f"{group['flops'] / 1e9:.1f} GFLOPs, {group['latency_ms']:.0f} ms{speed}"
        told = f"{score(one.run['variant'])}\n{cost}"
        cells.append((one.name, sample.found[one.run["variant"]], told))
    figure, axes = plt.subplots(1, len(cells), figsize=(3 * len(cells), 3.55), layout="constrained")
    for ax, (title, image, text) in zip(axes, cells):
        ax.imshow(pixels(image[:, top : top + side, left : left + side]))
        ax.set_title(title, fontsize=12)
        ax.set_xlabel(text, fontsize=11)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    with files.replacing(args.out) as temporary:
        figure.savefig(temporary, dpi=110)


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
