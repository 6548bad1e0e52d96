"""Pull the recorded results into fresh clones, many times: does Snakemake say that nothing is to be done?

    python benchmarks/pull.py [--times 10] [--types copy symlink] [--repository FOLDER] [--remote NAME]

Clones the repository (this one by default; what is committed counts), sets DVC's cache type, `dvc pull`s from the
remote that travels with it or the one named, and plans the default preset. Then, in each clone, it flips a byte of a
checkpoint, keeping its size and time, and expects the training of that run and no other to be planned.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="clones of each type (default: %(default)s)")
    parser.add_argument("--types", nargs="+", default=["copy", "symlink"], help="DVC's cache types")
    parser.add_argument("--repository", default=ROOT, type=Path)
    parser.add_argument("--remote", help="of DVC; default: the repository's default remote")
    args = parser.parse_args(argv)
    failed = 0
    for kind in args.types:
        for n in range(1, args.times + 1):
            with tempfile.TemporaryDirectory(prefix="edgeprune-pull-") as scratch:
                start = time.perf_counter()
                problem = once(args.repository, Path(scratch) / "clone", kind, args.remote)
            failed += bool(problem)
            said = problem or "nothing to be done; one training after a flipped byte"
            print(f"{kind} {n}/{args.times}: {said} ({time.perf_counter() - start:.0f} s)", flush=True)
    print(f"{failed} of {args.times * len(args.types)} failed")
    return min(failed, 1)


def once(repository, clone, kind, remote):
    """What is wrong after a pull, or None."""
    subprocess.run(["git", "clone", "--quiet", str(repository.resolve()), str(clone)], check=True)
    tool(clone, "dvc", "config", "--local", "cache.type", kind)
    tool(clone, "dvc", "pull", *(["--remote", remote] if remote else []))
    checkpoints = sorted(clone.glob("results/*/train_network/**/seed-*/model.pt"))
    if not checkpoints:
        return "no checkpoint was pulled"
    if any(file.is_symlink() != (kind == "symlink") for file in checkpoints):
        return f"the files are not of cache type {kind}"
    said = tool(clone, "snakemake", "-n")
    if "Nothing to be done" not in said:
        return f"jobs are planned:\n{said}"
    flip(checkpoints[0])
    said = tool(clone, "snakemake", "-n")
    trained = re.findall(r"^(?:local)?rule train_network:\n(?: .*\n)*? +output: (\S+?),", said, re.MULTILINE)
    expected = str(checkpoints[0].relative_to(clone))
    # what is trained anew from a dense network's checkpoint is planned too
    if expected not in trained or (len(trained) > 1 and "/dense/" not in expected):
        return f"after a flip of {expected} these are planned: {trained}"
    return None


def flip(file):
    """One bit of a copy in the place of the file, with the same size and time."""
    status, content = file.lstat(), bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()  # not through a link into the cache
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def tool(folder, *command):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DVC_STAGE")}
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + environment["PATH"]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
