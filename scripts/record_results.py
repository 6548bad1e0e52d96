"""Put finished results on record in DVC: for a run that was killed after its last job, before it had done so itself."""

import argparse
import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune.config.load import effective
from edgeprune.errors import EdgepruneError
from edgeprune.provenance import dvc, inputs
from edgeprune.provenance.ledger import ledger_file


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", required=True)
    args = parser.parse_args(argv)
    config = effective(".", {"preset": args.preset})
    said, ledgers = [], dvc.ledgers_of(args.preset)
    missing = sorted(file for ledger in ledgers for file in ledger_file.read(ledger) if not Path(file).exists())
    dvc.record_run(args.preset, complete=True, inputs=inputs.of_user(config), missing=missing, say=said.append)
    print("\n".join(said), file=sys.stderr)
    if any("not recorded" in line for line in said):
        raise EdgepruneError("the results are not on record in DVC", remedy="see above")


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
