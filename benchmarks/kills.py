"""Kill a tiny grid at random moments: does one command end it with the same bits, and repeat nothing that was finished?

    python benchmarks/kills.py [--times 20] [--seed 0]

Runs two trainings to the end, undisturbed. Then, in a fresh copy each time, it starts the grid, by `snakemake` or by
`dvc repro`, and ends by SIGKILL one of: the head (Snakemake), its whole group, a training, DVC. `snakemake` follows, as
`make` gives it. Times are of kills, in seconds after the start. On a quiet machine of two cores: about 25 minutes.
"""

import argparse
import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from snakeledger.records import Records, is_marked

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.workflow import TINY, Workspace

GRID = TINY | {"pairs": TINY["pairs"][:1], "references": {"dense": {}}}
#: Made by the same bits from the same bits, unlike times and pictures of times.
EXACT = ("model.pt", "model.onnx", "metrics.json", "history.csv")
KINDS = ("head", "group", "training", "dvc")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args(argv)
    moments, failed = random.Random(args.seed), 0
    start = time.monotonic()
    with workspace() as undisturbed:
        undisturbed.snakemake()
        expected, duration = trained(undisturbed.root), time.monotonic() - start
    print(f"undisturbed: {duration:.0f} s, {len(expected)} files to compare", flush=True)
    for n, kind in zip(range(1, args.times + 1), itertools.cycle(KINDS)):
        with workspace() as killed:
            moment, finished = kill(killed.root, kind, moments.uniform(0, duration))
            said = killed.snakemake()
            problems = [f"{path} differs" for path, bits in expected.items() if trained(killed.root).get(path) != bits]
            problems += [
                f"{path} was made again" for path, state in finished.items() if seen(killed.root / path) != state
            ]
            if "dvc: recorded" not in said or "up to date" not in killed.run("dvc", "status"):
                problems.append("it is not on record")
        failed += bool(problems)
        print(
            f"{n}/{args.times} {kind} at {moment:.1f} s, {len(finished)} files finished: {problems or 'well'}",
            flush=True,
        )
    print(f"{args.times - failed} of {args.times} ended well")
    return min(failed, 1)


@contextlib.contextmanager
def workspace():
    with tempfile.TemporaryDirectory(prefix="edgeprune-kills-") as folder:
        made = Workspace(folder)
        made.write_preset("quick", GRID)
        yield made


def kill(root, kind, moment):
    """When it was killed, and ``{path: state}`` of the results of jobs that Snakemake knew to have ended by then."""
    command = ["dvc", "repro"] if kind == "dvc" else ["snakemake", "--cores", "2"]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DVC_STAGE")}
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + environment["PATH"]
    start, output = time.monotonic(), subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=root,
        env=environment,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    time.sleep(moment)
    if kind == "training":
        while not (victims := trainings(process.pid)) and process.poll() is None:
            time.sleep(0.02)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        moment = time.monotonic() - start
        process.wait()  # the head goes on with what does not need it
    elif kind == "group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    records, results = Records(root), [str(path.relative_to(root)) for path in (root / "results").rglob("seed-*/*")]
    known = [p for p in results if (r := records.read(p)) and not is_marked(r) and not records.is_incomplete(p)]
    process.wait()
    return moment, {path: seen(root / path) for path in known}


def trainings(session):
    """The processes of the session that train."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            of = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if of == session and words[1].endswith(b"train_network.py"):
                found.append(int(folder.name))
    return found


def seen(path):
    """Another one for each making of a file."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def trained(root):
    """``{path: content}``."""
    files = (root / "results/quick/train_network").rglob("seed-*/*")
    return {file.relative_to(root): file.read_bytes() for file in files if file.name in EXACT}


if __name__ == "__main__":
    sys.exit(main())
