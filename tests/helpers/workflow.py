"""A copy of the repository with a tiny grid, and what its tools say: for the tests that run the whole workflow."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from helpers import forked

ROOT = Path(__file__).parents[2]
#: Of the shell that the tests run in. Without bytecode each job would compile the whole project.
NOT_INHERITED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "DVC_STAGE")
BRIEF = {"seconds": 0.05, "iterations": 5, "warmup": 1}
TINY = {
    "title": "A tiny grid for the tests",
    "pairs": [{"network": n, "dataset": "digits"} for n in ("vgg8", "mobilenetv2-small")],
    "modes": ["FA"],
    "targets": [0.5],
    "seeds": [0],
    "references": {"dense": {}, "l1": {}},
    "figures": [],  # each takes as long as two trainings of these networks
    "measure_on": ["local"],
    "recipes": {n: {"epochs": 2, "warmup_epochs": 0} for n in ("vgg8", "mobilenetv2-small")},
    "devices": {"local": BRIEF},
}


class Workspace:
    """A fresh checkout of the working tree, under git, whose `quick` preset is the tiny grid.

    Attributes:
        forks: whether Snakemake and its jobs are forked (:mod:`helpers.forked`).
    """

    forks = True

    def __init__(self, folder):
        self.root = Path(folder)
        listed = self._git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").split("\n")
        for name in filter(None, listed):
            if (ROOT / name).is_file() and "/collect_record/" not in name:  # of this repository's own results
                target = self.root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)  # with its time, by which Python knows the bytecode for its own
        for package in ("edgeprune", "snakeledger", "snakemake_logger_plugin_edgeprune"):
            for compiled in (ROOT / package).rglob(f"__pycache__/*.{sys.implementation.cache_tag}.pyc"):
                target = self.root / compiled.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(compiled, target)
        self.write_preset("quick", TINY)
        self._git(self.root, "init", "--quiet", ".")
        self._git(self.root, "add", ".")
        self._git(
            self.root, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "start"
        )

    @staticmethod
    def _git(folder, *args):
        return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout

    def write_preset(self, name, grid):
        path = self.root / "presets" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(grid, sort_keys=False))

    def run(self, *command, ok=True, **environment):
        """Run a tool of this environment in the workspace; return what it printed, both streams."""
        environment = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED} | environment
        python = sys.executable
        if self.forks:
            environment, forking = forked.environment(environment)
            python = forking if command[0] == "snakemake" else python
        done = subprocess.run(
            [python, "-m", *map(str, command)],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=False,
        )
        assert (done.returncode == 0) == ok, done.stdout[-5000:]
        return done.stdout

    def snakemake(self, *args, **kwargs):
        return self.run("snakemake", "--cores", 2, *args, **kwargs)

    def planned(self, *args):
        """``{(rule, network)}`` of the jobs that a dry run plans; network is None where a rule has none."""
        jobs, rule = set(), None
        for line in self.snakemake("-n", *args).splitlines():
            named = re.match(r"(?:local)?rule (\w+):", line)
            if named:
                rule = named[1]
                jobs.add((rule, None))
            network = re.match(r" +wildcards: .*?network=([\w.-]+)", line)
            if network:
                jobs.discard((rule, None))
                jobs.add((rule, network[1]))
        return {(rule, network) for rule, network in jobs if rule not in ("all", "figures")}

    def edit(self, path, old, new):
        file = self.root / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def content(self, pattern):
        """``{path below results/<preset>: bytes}`` of the result files that match."""
        return {p.relative_to(self.root): p.read_bytes() for p in sorted(self.root.glob(pattern)) if p.is_file()}
