"""Results of a Snakemake workflow trusted by content, where DVC versions them: README.md goes through it.

Snakemake decides what to make again from its records of jobs (``.snakemake/metadata``) and from times of change; DVC
versions neither. A ledger keeps each output's record beside its sha256, as an output of the DVC stage.
"""

from snakeledger.errors import LedgerError
from snakeledger.pipeline import Pipeline
from snakeledger.trust import trust

__all__ = ["LedgerError", "Pipeline", "trust"]
