"""What a grid of many runs costs both tools when there is nothing to do.

    python benchmarks/scale.py [--seeds 50] [--keep FOLDER] [--out FILE.json]

Makes a copy of the repository whose `quick` preset has 2 networks x 10 variants x SEEDS runs, 1,000 by default. Its
results are small made-up files, with the ledger entries that jobs would have left; nothing is trained. Then it times,
in this order: the first pass of the ledger (everything is hashed), the first planning after a pull (every record is
restored too), planning again, the ledger alone, a run with nothing to do (which records), `dvc status`, and `dvc repro`
with nothing to do. Then, to a remote in a folder, `dvc push` of all; and of one run that changed, `dvc diff`, `commit`,
`push` and, in another clone, `pull`. Limits are for up to 1,000 and up to 5,000 runs; times are wall-clock, so
give it a quiet machine.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from snakemake import cli
from snakemake.workflow import Workflow

from edgeprune.provenance import dvc
from snakeledger import ledger_file
from snakeledger.reconcile import reconcile
from snakeledger.records import FORMATS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.workflow import Workspace

GRID = {
    "title": "Nothing but names",
    "pairs": [{"network": n, "dataset": "digits"} for n in ("vgg8", "mobilenetv2-small")],
    "modes": ["PA", "FA", "MA"],
    "targets": [0.3, 0.5, 0.7],
    "references": {"dense": {}},
    "measure_on": ["local"],
}
#: Seconds, by number of runs.
LIMITS = {
    1000: {"snakemake -n": 8, "dvc status": 5, "dvc repro": 30},
    5000: {"snakemake -n": 30, "ledger, first": 25, "ledger, nothing touched": 2, "dvc status": 10},
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="20 runs each (default: %(default)s)")
    parser.add_argument("--keep", help="make the copy here and leave it")
    parser.add_argument("--out", help="write the times as JSON too")
    args = parser.parse_args(argv)
    with contextlib.ExitStack() as stack:
        folder = args.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeprune-scale-"))
        Path(folder).mkdir(parents=True, exist_ok=True)
        workspace = Workspace(folder)
        workspace.write_preset("quick", GRID | {"seeds": list(range(args.seeds))})
        files = make_up(workspace.root)
        print(f"{20 * args.seeds} runs, {files} result files, load {os.getloadavg()[0]:.1f}", flush=True)
        limits = LIMITS[min((runs for runs in LIMITS if 20 * args.seeds <= runs), default=max(LIMITS))]
        times = measure(workspace.root, limits)
    late = [name for name, limit in limits.items() if times[name] > limit]
    if args.out:
        Path(args.out).write_text(json.dumps({"runs": 20 * args.seeds, "files": files, "seconds": times}, indent=2))
    return f"over the limit: {', '.join(late)}" if late else 0


def make_up(root):
    """Write a file for every output of every job, and the ledgers; return how many files."""
    made = {}

    def printdag(workflow):
        workflow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
        workflow._build_dag()
        clock = time.time() - 1e6
        for level in workflow.dag.toposorted():
            clock += 1
            for job in (job for job in level if job.output):
                made.update(entries_of(job, workflow.persistence, made, clock))

    with contextlib.chdir(root), contextlib.redirect_stdout(sys.stderr):
        original, Workflow.printdag = Workflow.printdag, printdag
        try:
            parser, settings = cli.parse_args(["--dag", "--cores", "1", "--quiet", "all"])
            cli.args_to_api(settings, parser)
        finally:
            Workflow.printdag = original
    for ledger, results in dvc.pipeline("quick", root).ledgers.items():
        own = {p: e for p, e in made.items() if any(p == r or p.startswith(r + "/") for r in results)}
        ledger_file.write(root / ledger, own)
    dvc.pipeline("quick", root).complete()
    return len(made)


def entries_of(job, persistence, made, clock):
    record = {
        "rule": job.rule.name,
        "input": persistence._input(job),
        "log": persistence._log(job),
        "shellcmd": job.shellcmd,
        "params": persistence._params(job),
        "code": persistence._code(job.rule),
        "record_format_version": FORMATS[-1],
        "conda_env": persistence._conda_env(job),
        "container_img_url": job.container_img_url,
        "software_stack_hash": persistence._software_stack_hash(job),
        "input_checksums": {str(file): f"sha256:{made[str(file)].sha256}" for file in job.input},
    }
    entries = {}
    for output in map(str, job.output):
        content = f"made up: {output}\n".encode()
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_bytes(content)
        entries[output] = ledger_file.Entry(hashlib.sha256(content).hexdigest(), clock - 1, clock, record)
    return entries


def measure(root, limits):
    ledgers = dvc.pipeline("quick", root).ledgers
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DVC_STAGE")}
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + environment["PATH"]
    times = {}

    def timed(name, action):
        start = time.perf_counter()
        action()
        times[name] = round(time.perf_counter() - start, 2)
        limit = f"  (limit {limits[name]} s)" if name in limits else ""
        print(f"{times[name]:8.2f} s  {name}{limit}", flush=True)

    def tool(*command, expected="", folder=root):
        def call():
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode or expected not in done.stdout + done.stderr:
                sys.exit(f"{' '.join(command)}: {(done.stdout + done.stderr)[-3000:]}")

        return call

    nothing = "Nothing to be done"
    timed("ledger, first", lambda: reconcile(root, ledgers))
    shutil.rmtree(Path(root) / ".snakemake")
    timed("snakemake -n after a pull", tool("snakemake", "-n", expected=nothing))
    timed("snakemake -n", tool("snakemake", "-n", expected=nothing))
    timed("ledger, nothing touched", lambda: reconcile(root, ledgers))
    timed("snakemake", tool("snakemake", "--cores", "1", expected=nothing))
    timed("dvc status", tool("dvc", "status", expected="up to date"))
    timed("dvc repro", tool("dvc", "repro", expected="up to date"))
    changed = next(Path(root).glob("results/quick/train_network/**/model.pt"))
    with tempfile.TemporaryDirectory(prefix="edgeprune-remote-") as folder:
        store, clone = Path(folder) / "store", Path(folder) / "clone"
        tool("dvc", "remote", "add", "--default", "mine", str(store))()
        timed("dvc push", tool("dvc", "push"))
        git = ("git", "-c", "user.name=scale", "-c", "user.email=scale@localhost")
        commit = [*git, "commit", "--quiet", "--all", "--message", "one run"]
        subprocess.run(commit, cwd=root, check=True)
        subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
        tool("dvc", "pull", folder=clone)()
        before = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
        changed.write_text("made up anew")
        timed("dvc diff of one run", tool("dvc", "diff"))
        timed("dvc commit of one run", tool("dvc", "commit", "--force", "dvc.yaml"))
        timed("dvc push of one run", tool("dvc", "push"))
        subprocess.run(commit, cwd=root, check=True)
        subprocess.run(["git", "pull", "--quiet"], cwd=clone, check=True)
        timed("dvc pull of one run", tool("dvc", "pull", folder=clone))
        after = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
        print(f"{(after - before) / 1e6:8.2f} MB pushed for one run of {changed.stat().st_size} bytes", flush=True)
    ledger_bytes = sum((Path(root) / ledger).stat().st_size for ledger in ledgers)
    print(f"{ledger_bytes / 1e6:8.1f} MB of ledgers", flush=True)
    return times


if __name__ == "__main__":
    sys.exit(main())
