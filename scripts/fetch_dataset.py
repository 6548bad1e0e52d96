"""Fetch one dataset: write a memory-mappable file per split and a manifest."""

import argparse
import json
import sys

import edgeprune.entrypoint
from edgeprune.data.fetch import fetch
from edgeprune.errors import EdgepruneError


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the dataset's name in config.yaml")
    parser.add_argument("--settings", required=True, help="its settings, datasets.<name> of config.yaml, as JSON")
    parser.add_argument("--downloads", default="downloads", help="folder that keeps downloaded files")
    parser.add_argument("--out", required=True, help="folder to write into")
    parser.add_argument("--threads", type=int, help="threads that decode images (default: one per core)")
    options = parser.parse_args(argv)
    try:
        settings = json.loads(options.settings)
    except json.JSONDecodeError as error:
        remedy = 'give a mapping such as {"source": "digits"}'
        raise EdgepruneError(f"is not JSON ({error})", key="--settings", remedy=remedy) from error
    manifest = fetch(options.name, settings, options.out, options.downloads, options.threads)
    counts = ", ".join(f"{entry['count']} {split}" for split, entry in manifest["splits"].items())
    print(f"{options.name}: {counts}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
