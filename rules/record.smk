"""Provenance: what may be trusted before anything is planned, and what is put on record after a run."""

from edgeprune.measuring import absence
from edgeprune.provenance import dvc
from snakeledger import trust

try:
    trust(workflow, dvc.pipeline(config["preset"], workflow.basedir), lambda: inputs.of_user(config, workflow.basedir))
except EdgepruneError as error:
    refuse(error)


def name_absent_devices():
    print(absence.notice(f"results/{config['preset']}", config["measure_on"]), end="", file=sys.stderr)
