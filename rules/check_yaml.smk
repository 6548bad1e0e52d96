"""Before Snakemake reads config.yaml itself, whose message about a broken one names no line."""

import sys
from pathlib import Path

sys.path.insert(0, workflow.basedir)  # the package may lie here without being installed

from edgeprune.config.load import read_yaml
from edgeprune.errors import EdgepruneError
from edgeprune.entrypoint import refuse

try:
    read_yaml(Path(workflow.basedir, "config.yaml"))
except EdgepruneError as error:
    refuse(error)
