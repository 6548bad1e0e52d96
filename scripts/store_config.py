"""Write the effective configuration of a run beside its results."""

import argparse
import json
import sys

import yaml

from edgeprune import entrypoint, files


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, type=json.loads, help="the effective configuration, as JSON")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)
    header = (
        "# What this run followed: config.yaml, the preset and the command line, merged. Written by the pipeline.\n"
    )
    files.write_text(args.out, header + yaml.safe_dump(args.config, sort_keys=False, allow_unicode=True))


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
