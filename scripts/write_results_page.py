"""Write docs/results.md from the runs of presets that have been run, with their figures beside it."""

import argparse
import shutil
import sys
from pathlib import Path

from edgeprune import entrypoint, files
from edgeprune.config.load import read_yaml
from edgeprune.reporting import baseline, comparison, runs
from edgeprune.reporting.templates import render

#: Figures that the page shows, and what it calls them.
PICTURES = {"cost": "Test score against training cost", "samples": "Test images and what the networks make of them"}


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
    answer = args.answer.read_text(encoding="utf-8") if args.answer else ""
    presets = [_preset(args.results / name, args.out.parent / "images") for name in args.presets]
    files.write_text(args.out, render("results_page.md", answer=answer, notes=args.note, presets=presets))


def _preset(folder, images):
    """What the page shows of a preset; its figures are copied to ``images``."""
    pictures = []
    for picture in sorted(folder.glob("draw_figures/*/*/*.png")):
        if picture.stem not in PICTURES:
            continue
        network, dataset = picture.parts[-3:-1]
        target = images / f"{folder.name}-{network}-{dataset}-{picture.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, target)
        pictures.append({"title": f"{PICTURES[picture.stem]}: {network} on {dataset}", "name": target.name})
    rows = runs.read_csv(folder / "draw_figures" / "runs.csv")
    baselines = baseline.read(sorted(folder.glob("score_baseline/*/baseline.json")))
    return {
        "name": folder.name,
        "title": read_yaml(folder / "config.yaml").get("title", folder.name),
        "sections": comparison.sections(rows, baselines),
        "images": pictures,
    }


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
