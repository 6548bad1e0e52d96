"""Whether a result may be trusted, by its content: what Snakemake knows of a file travels with the file.

Snakemake decides what to make again from its records of jobs (``.snakemake/metadata``) and from times of change; DVC
versions neither. A ledger keeps each output's record beside its sha256, as an output of the DVC stage. `sync.reconcile`
compares files, records and ledger before Snakemake plans: docs/provenance.md goes through it.

====================  ==============================================================
:mod:`.records`       Snakemake's record files: the only module that knows their form
:mod:`.ledger_file`          ledger files
:mod:`.index`         what was seen of each file on this machine, as git's index does
:mod:`.decide`         the decision for one file
:mod:`.stale_inputs`      whether a result was made from the inputs that lie there
:mod:`.sync`          all of it for one preset
====================  ==============================================================
"""
