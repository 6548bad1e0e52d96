"""Provenance: what may be trusted before anything is planned, and what is put on record after a run."""

from edgeprune.files import is_temporary
from edgeprune.measuring import absence
from edgeprune.provenance import dvc, fetched
from edgeprune.provenance.ledger import records, sync

NO_LEDGER = records.unsupported(*internals.records(workflow))


@refusing()
def refuse_files():
    """No file may lie where a folder is wanted: Python's own error would come up somewhere below."""
    for folder in FOLDERS:
        files.check_folder(folder)


@refusing()
def reconcile():
    """Let Snakemake's job records agree with the files, by content; say what does not."""
    if NO_LEDGER:
        print(f"provenance: results are trusted as plain Snakemake does, by time: {NO_LEDGER}", file=sys.stderr)
        return
    ledgers = dvc.ledgers_of(config["preset"], workflow.basedir)
    outcome = sync.reconcile(".", ledgers, fetched.lookup(config["preset"], workflow.basedir))
    for line in outcome.said():
        print(line, file=sys.stderr)


def get_orphans(made):
    """Files of results that no job of the grid makes any more: of a network, a variant or a seed that was taken out."""
    kept = {"dvc.yaml", "dvc.lock", ".gitignore", "report.html"}
    kept |= {Path(ledger).name for ledger in dvc.ledgers_of(config["preset"], workflow.basedir)}
    found = Path("results", config["preset"]).rglob("*")
    found = (p for p in found if p.is_file() and not is_temporary(p.name))  # a kill's remains, which DVC ignores
    return sorted(str(p) for p in found if str(p) not in made and p.name not in kept)


def record_results(succeeded):
    """After a run: bring the ledger up to date; put a whole, successful run on record in DVC; name devices not there."""
    reconcile()
    print(absence.notice(f"results/{config['preset']}", config["measure_on"]), end="", file=sys.stderr)
    overridden = sorted(set(internals.overrides(workflow)) - {"preset"})
    if not succeeded:
        print(dvc.lost_and_found(config["preset"], workflow.basedir), file=sys.stderr)
    elif internals.is_whole(workflow):
        made = internals.outputs(workflow)
        if not NO_LEDGER:
            sync.forget(".", dvc.ledgers_of(config["preset"], workflow.basedir))
        dvc.record_run(
            config["preset"],
            complete=True,
            root=workflow.basedir,
            overridden=overridden,
            inputs=inputs.of_user(config, workflow.basedir),
            orphans=get_orphans(made),
            missing=sorted(file for file in made if not Path(file).exists()),
        )


# Not in the processes of jobs, and not where nothing is planned.
if internals.plans(workflow):
    refuse_files()
    dvc.complete_own_outs(config["preset"], workflow.basedir)
    reconcile()
