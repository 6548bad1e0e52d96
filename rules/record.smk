"""Provenance: what may be trusted before anything is planned, and what is put on record after a run."""

from edgeprune.measuring import absence
from edgeprune.provenance import dvc
from snakeledger import trust
from snakeledger.workflow import plans


@refusing()
def refuse_files():
    """No file may lie where a folder is wanted: Python's own error would come up somewhere below."""
    for folder in FOLDERS:
        files.check_folder(folder)


def name_absent_devices():
    print(absence.notice(f"results/{config['preset']}", config["measure_on"]), end="", file=sys.stderr)


def inputs_to_list():
    """The user's own files; none where only progress is shown (`make`, `fit`): a hint on dvc.yaml is for who edits it."""
    return [] if "--logger" in sys.argv else inputs.of_user(config, workflow.basedir)


with refusing():
    if plans(workflow):
        refuse_files()
    trust(workflow, dvc.pipeline(config["preset"], workflow.basedir), inputs_to_list)

# After what records, so that it does so before the next run of the preset may begin.
internals.run_within(workflow, one_at_a_time)
