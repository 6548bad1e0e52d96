"""Cancel the jobs that a killed run left in Slurm's queue, and wait until they are gone."""

import argparse
import sys
from pathlib import Path

from edgeprune import entrypoint
from edgeprune.cluster.head import end_orphans


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="of the workflow; by default the current one")
    parser.add_argument("--force", action="store_true", help="even if the run was started on another host")
    parser.add_argument("--wait", type=float, default=600, help="seconds to wait for their end")
    args = parser.parse_args(argv)
    ended = end_orphans(args.folder, force=args.force, wait=args.wait)
    print(f"{ended} jobs were cancelled and are gone" if ended else "no jobs of this folder are in Slurm's queue")


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
