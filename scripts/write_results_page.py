"""Write docs/results.md from the runs of presets that have been run, with their figures beside it."""

import argparse
import shutil
import sys
from pathlib import Path

from edgeprune import entrypoint, files
from edgeprune.config.load import read_yaml
from edgeprune.reporting import comparison, runs

INTRODUCTION = """## How these numbers were made

Written by `python scripts/write_results_page.py {presets}` from the metrics of runs as they came out; do not edit.
Means over n runs, each one plan with one training; after ± the sample standard deviation, then half the 95 % interval
of the mean. The test split was read once, after the last epoch; choices were made on the validation split. Training
counts all stages, the dense network's included where a method starts from it; its FLOPs are an estimate (three times
the forward pass, times the images). Training time is wall time with other trainings beside it on the same machine, so
compare the FLOPs rather.

Each of our plans is compared with the dense network and with every baseline at the same reduction of the same resource.
A difference is positive where ours is better; its 95 % interval is Welch's, unpaired. *Ahead* and **behind** are said
only where it excludes 0, also after Holm's correction over all comparisons of the table; otherwise the two are not told
apart, and the last column has the smallest difference that so few runs could have shown
([how to read this](statistics.md)).

The claim to check is that of the journal abstract: a single pass takes about 60 % less training time than the three
stages of train, prune, fine-tune.
"""


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="+", help="presets whose results are under results/<preset>/")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"))
    parser.add_argument(
        "--note", action="append", default=[], help="a sentence on the runs (machine, date), repeatable"
    )
    parser.add_argument("--answer", type=Path, help="Markdown that says in words what came out; it goes on top")
    args = parser.parse_args(argv)
    answer = [args.answer.read_text(encoding="utf-8")] if args.answer else []
    parts = ["# Results\n", *answer, INTRODUCTION.format(presets=" ".join(args.presets)), *args.note, ""]
    for preset in args.presets:
        folder = args.results / preset
        title = read_yaml(folder / "config.yaml").get("title", preset)
        parts += [
            f"# {title} (`{preset}`)",
            "",
            comparison.sections(runs.read_csv(folder / "draw_figures" / "runs.csv")),
        ]
        for picture in sorted(folder.glob("draw_figures/*/*/cost.png")):
            network, dataset = picture.parts[-3:-1]
            target = args.out.parent / "images" / f"{preset}-{network}-{dataset}-cost.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, target)
            parts += [f"![Test score of {network} on {dataset} against training cost](images/{target.name})", ""]
    files.write_text(args.out, "\n".join(parts))


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
