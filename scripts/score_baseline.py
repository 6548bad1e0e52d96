"""Score what learnt nothing, as the task names it: the noisy input, bicubic interpolation, the majority class."""

import argparse
import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune import files, tasks
from edgeprune.data.examples import score_baseline
from edgeprune.data.store import MANIFEST, load_manifest, open_samples


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="folder of the fetched dataset")
    parser.add_argument("--out", required=True, help="where the scores go, as JSON")
    args = parser.parse_args(argv)
    manifest = load_manifest(args.data)
    task = tasks.bind(manifest, args.data / MANIFEST)
    scores = {name: score_baseline(task, open_samples(args.data, name, manifest), name) for name in ("val", "test")}
    known = {"dataset": manifest["name"], "task": task.name, "name": task.baseline}
    files.write_json(args.out, {"format": "edgeprune.baseline", "version": 1, **known, **scores})
    headline = task.headline
    shown = ", ".join(f"{name} {scores[name][headline.name] * headline.scale:.2f}" for name in scores)
    print(f"{manifest['name']}, {task.baseline}: {headline.label} {shown}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
