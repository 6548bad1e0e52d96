"""Put together what git itself keeps of a preset's results: metrics, what `dvc plots` draws, the network to take."""

import shutil
import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune import files, identity
from edgeprune.config.load import read_yaml
from edgeprune.reporting import answer, runs, script, table


def main(argv=None):
    parser = script.Parser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, help="folder of the preset, with tables and models")
    parser.add_argument("--out", required=True, type=Path, help="folder")
    args = parser.parse_args(argv)
    drawn, rows = args.results / "draw_figures", runs.of_folder(args.results)
    for pattern in ("metrics/*/*/*.json", "models/*.json", "models/*.onnx"):
        for stale in args.out.glob(pattern):  # of variants that are no longer in the grid
            stale.unlink()
    for name, values in table.summary(runs.group(rows)).items():
        files.write_json(args.out / "metrics" / f"{name}.json", values)
    copies = {args.out / file.name: file for file in (drawn / "runs.csv", drawn / "plots" / "curves.csv")}
    for found in answer.answers(args.results, read_yaml(args.results / "config.yaml"), rows):
        place = args.out / "models" / found.dataset
        trained = args.results / "train_network" / identity.folder(found.run) / "model.onnx"
        copies[place.with_suffix(".onnx")] = Path(found.model["onnx"]) if found.model else trained
        about = {"verdict": found.verdict, **{key: found.run[key] for key in ("network", "variant", "seed")}}
        files.write_json(place.with_suffix(".json"), about)
    for target, source in copies.items():
        with files.replacing(target) as temporary:
            shutil.copyfile(source, temporary)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
