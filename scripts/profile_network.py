"""Profile one network on one dataset's images: what each layer costs, and which channels are coupled."""

import argparse
import csv
import sys
from pathlib import Path

from edgeprune import entrypoint
from edgeprune.garbage import uncollected


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    entrypoint.add_network(parser)
    parser.add_argument("--out-profile", required=True, help="profile.json to write")
    parser.add_argument("--out-table", required=True, help="layers.csv to write: one row per layer")
    arguments = parser.parse_args(argv)

    with uncollected():
        from edgeprune import files, tasks
        from edgeprune.data.store import MANIFEST, load_manifest
        from edgeprune.networks.resolve import build_for
        from edgeprune.tracing.profile import profile

    task = tasks.bind(load_manifest(arguments.data), Path(arguments.data) / MANIFEST)
    model = build_for(task, arguments.spec, arguments.network)
    result = profile(model, task.input_shape, network=arguments.network)
    result.save(arguments.out_profile)
    rows = result.layer_table()
    with files.replacing(arguments.out_table) as path, open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    totals = "  ".join(f"{resource} {value:,}" for resource, value in result.totals.items())
    print(f"{arguments.network}: {len(result.layers)} layers, {len(result.groups)} groups  {totals}", file=sys.stderr)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
