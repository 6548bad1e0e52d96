"""The emulated cluster for a test: started, asked, and stopped whatever happens."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent


def missing():
    """Why there can be no cluster here, or None."""
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "Snakemake's plugin is not installed: make test-slurm"
    if os.geteuid() != 0:
        return "the daemons of several emulated nodes need root"
    if (
        shutil.which("apt-get") is None
        and shutil.which("slurmctld", path="/usr/sbin:/sbin:" + os.environ["PATH"]) is None
    ):
        return "there is neither Slurm nor apt to install it with"
    return None


class Cluster:
    """Three nodes with two cores and two (pretended) GPUs each."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # sockets below it must have short names

    def __enter__(self):
        try:
            subprocess.run([HERE / "start.sh", self.folder, "3", "2"], check=True, timeout=180)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        subprocess.run([HERE / "stop.sh", self.folder], check=False, timeout=120)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environment(self):
        """What a process needs to see this cluster and no other."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SNAKEMAKE", "PYTHONPATH", "DVC"))
        }
        path = f"{self.folder / 'bin'}{os.pathsep}{inherited['PATH']}"
        return inherited | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def ask(self, *command):
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=True, cwd=self.folder
        )
        return done.stdout

    def jobs(self, *options):
        """``{id: (state, node, comment)}`` of the jobs in the queue; the comment names rule and wildcards."""
        lines = self.ask("squeue", "--noheader", "--format=%A|%T|%N|%k", *options).splitlines()
        return {fields[0]: tuple(fields[1:]) for fields in (line.split("|", 3) for line in lines)}

    def clean(self):
        """No jobs, and no trouble any more."""
        for name in ("forget", "limit", "bin/squeue.away"):
            (self.folder / name).unlink(missing_ok=True)
        if jobs := self.jobs():
            self.ask("scancel", "--signal=KILL", "--full", *jobs)
            until(lambda: not self.jobs(), 60, "the end of all jobs")

    def submissions(self):
        file = self.folder / "submissions"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def freeze(self, node):
        """Stop what runs on a node, the daemon first; return the processes. Nothing there notices anything."""
        daemon = int((self.folder / f"pid/{node}.pid").read_text())
        frozen = [daemon, *self.stepping(node)]
        for process in frozen:
            os.kill(process, signal.SIGSTOP)
        return frozen

    def stepping(self, node):
        """The processes of the jobs on a node, which have its name in their environment, and the daemons above them."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "environ").read_bytes().split(b"\0") + (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"SLURMD_NODENAME={node}".encode() in words and str(self.folder).encode() in b"".join(words):
                found.append(int(folder.name))
        above = {int((Path("/proc") / str(each) / "stat").read_text().rpartition(")")[2].split()[1]) for each in found}
        return found + [each for each in above if (Path("/proc") / str(each) / "comm").read_text() == "slurmstepd\n"]

    def running(self, comment):
        """``(id, node)`` of the running job whose comment holds this text, or None."""
        for number, (state, node, said) in self.jobs().items():
            if state == "RUNNING" and comment in said:
                return number, node
        return None


def until(condition, seconds, what, poll=0.2):
    """The first true value of ``condition()``; an AssertionError that says what didn't come in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(poll)
    return value
