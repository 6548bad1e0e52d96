"""The machine that runs the pipeline, as a device: the stand-alone program in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune.measuring import program


class Local:
    """Runs the program with this Python."""

    SETTINGS: tuple[str, ...] = ()

    def __init__(self, settings: dict[str, Any], key: str) -> None:
        self.settings, self.key = settings, key

    def run(self, arguments: Sequence[str | Path]) -> dict[str, Any]:
        """The program's JSON for ``arguments`` (strings, and paths of this machine)."""
        command = [sys.executable, str(program.FOLDER), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return program.result(done.returncode, done.stdout, done.stderr, self.key)
