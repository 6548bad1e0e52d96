"""Refresh the small DVC remote that travels with the repository, from what dvc.lock names, and stage it in git."""

import argparse
import sys

import edgeprune.entrypoint
from edgeprune.provenance import bundled


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=64, help="MB; above, nothing is changed (default: %(default)s)")
    args = parser.parse_args(argv)
    objects, size, new = bundled.refresh(limit=args.limit * 1e6)
    sizes = f"{size / 1e6:.1f} MB, of which {new / 1e6:.1f} MB are new"
    print(f"{bundled.FOLDER}: {objects} objects, {sizes}; staged with dvc.lock: `git commit`")


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
