"""Results of a Snakemake workflow trusted by content, where DVC versions them: README.md goes through it.

Snakemake decides what to make again from its records of jobs (``.snakemake/metadata``) and from times of change; DVC
versions neither. A ledger keeps each output's record beside its sha256, as an output of the DVC stage.

====================  ==============================================================
:mod:`.trust`         the call in a Snakefile: before anything is planned, after each run
:mod:`.workflow`      Snakemake's workflow object: the only module that uses it
:mod:`.records`       Snakemake's record files: the only module that knows their form
:mod:`.ledger_file`   ledger files
:mod:`.index`         what was seen of each file on this machine, as git's index does
:mod:`.decide`        the decision for one file
:mod:`.reconcile`     all of it for one pipeline
:mod:`.pipeline`      ``dvc.yaml``: results and their ledgers; ``dvc commit``
:mod:`.cache`         what DVC's cache has
====================  ==============================================================
"""

from snakeledger.errors import LedgerError
from snakeledger.pipeline import Pipeline
from snakeledger.trust import trust

__all__ = ["LedgerError", "Pipeline", "trust"]
