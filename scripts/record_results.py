"""Put finished results on record in DVC: for a run that was killed after its last job, before it had done so itself."""

import argparse
import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune.config.load import effective
from edgeprune.errors import EdgepruneError
from edgeprune.provenance import dvc, inputs
from snakeledger import LedgerError, ledger_file
from snakeledger.record import record


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", required=True)
    args = parser.parse_args(argv)
    config, pipeline = effective(".", {"preset": args.preset}), dvc.pipeline(args.preset)
    try:
        missing = [file for ledger in pipeline.ledgers for file in ledger_file.read(ledger) if not Path(file).exists()]
        recorded = record(pipeline, inputs=inputs.of_user(config), missing=sorted(missing))
    except LedgerError as error:
        raise EdgepruneError(str(error)) from error
    if not recorded:
        raise EdgepruneError("the results are not on record in DVC", remedy="see above")


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
