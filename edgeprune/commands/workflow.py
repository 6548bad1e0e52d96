"""Run Snakemake on a preset; :mod:`snakemake_logger_plugin_edgeprune` tells the user how far it is and what fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from edgeprune.errors import EdgepruneError


def checkout() -> Path:
    """The folder of the workflow: the one that the command is given in.

    Raises:
        EdgepruneError: there is no workflow.
    """
    here = Path.cwd()
    if not (here / "Snakefile").is_file() or not (here / "presets").is_dir():
        raise EdgepruneError(
            "there is no Snakefile with presets here",
            file=here,
            remedy="go to a project or a checkout of edgeprune and ask again; `edgeprune new FOLDER` makes a project",
        )
    return here


def run(preset: str, *arguments: str) -> None:
    """Run the workflow of a preset on all cores.

    Args:
        preset: its name.
        arguments: more of Snakemake's, say what to make; everything if there are none.

    Raises:
        EdgepruneError: a job failed, or the workflow could not begin; why, it has said.
    """
    command = [sys.executable, "-m", "snakemake_logger_plugin_edgeprune", "--cores", "all"]
    command += ["--config", f"preset={preset}", *arguments]
    sys.stdout.flush()
    with subprocess.Popen(command, env=os.environ | {"EDGEPRUNE_AGAIN": ""}) as process:
        # who ends us ends the workflow, and is not done before it is
        before = signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()  # Snakemake had the signal too, and ends its jobs
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
    if process.returncode:
        remedy = "see above, then give the same command again: what is done stays"
        raise EdgepruneError(f"the workflow of the preset {preset} has not ended well", remedy=remedy)
