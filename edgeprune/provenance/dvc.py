"""Put a finished run on record in DVC, one pipeline file and one lock for each preset.

``dvc.yaml`` at the top is the pipeline of the default preset, the one that a plain ``dvc repro`` reproduces. Any other
preset that has been run gets the same file at ``results/<preset>/dvc.yaml``, alike but for its two variables, with a
lock of its own beside it: recording one preset cannot touch the record of another.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from edgeprune import files
from edgeprune.config.load import read_yaml
from edgeprune.errors import EdgepruneError
from edgeprune.provenance.ledger import ledger_file

#: How the name of a ledger ends, among the outputs of a stage.
LEDGER = ".jsonl"


def pipeline_file(preset, root="."):
    """The path, relative to ``root``, of the preset's pipeline file."""
    return "dvc.yaml" if preset == default_preset(root) else f"results/{preset}/dvc.yaml"


def default_preset(root="."):
    """The preset that ``dvc.yaml`` at the top reproduces."""
    try:
        return read_yaml(Path(root) / "dvc.yaml")["vars"][0]["preset"]
    except (KeyError, IndexError, TypeError) as error:
        raise EdgepruneError(
            "the first of `vars` must be a mapping with the key `preset`", file="dvc.yaml", key="vars[0].preset"
        ) from error


def write_pipeline_file(preset, root="."):
    """Derive the pipeline file of a preset that is not the default one; return its path relative to ``root``."""
    path = pipeline_file(preset, root)
    if path != "dvc.yaml":
        text = (Path(root) / "dvc.yaml").read_text(encoding="utf-8")
        text, first = re.subn(r"(?m)^(\s*- preset:) .*$", rf"\1 {preset}", text, count=1)
        text, second = re.subn(r"(?m)^(\s*root:) .*$", r"\1 ../..", text, count=1)
        if (first, second) != (1, 1):
            raise EdgepruneError("`preset` and `root` must stand on lines of their own", file="dvc.yaml", key="vars")
        text = "# Derived from dvc.yaml at the top, which is the one to edit.\n" + text
        target = Path(root) / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            files.write_text(target, text)
    return path


def ledgers_of(preset, root="."):
    """``{ledger file: [results]}`` of a preset: an entry for each stage of ``dvc.yaml`` that has a ledger."""
    found = {}
    for stage in read_yaml(Path(root) / "dvc.yaml")["stages"].values():
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in stage.get("outs", ())]
        outs = [out.replace("${preset}", preset) for out in outs]
        ledger = [out for out in outs if out.endswith(LEDGER)]
        if ledger:
            found[ledger[0]] = [out for out in outs if out != ledger[0]]
    return found


def complete_own_outs(preset, root="."):
    """Inside a stage of `dvc repro`: :func:`complete_outs` of that stage."""
    if os.environ.get("DVC_STAGE"):
        complete_outs(preset, root, stage=os.environ["DVC_STAGE"].rpartition(":")[2])


def complete_outs(preset, root=".", stage=None):
    """Give DVC what it expects of a stage that had nothing to do, as `measure` without devices: an empty folder.

    Args:
        stage: the name of the only stage to do this for.
    """
    for ledger, results in ledgers_of(preset, root).items():
        if stage in (None, Path(ledger).stem):
            for path in (Path(root, result) for result in results):
                if not path.suffix and not os.path.lexists(path):
                    path.mkdir(parents=True)
            if not (Path(root) / ledger).exists():
                ledger_file.write(Path(root) / ledger, {})


def lost_and_found(preset, root="."):
    """What to tell after a failed run: Snakemake deletes a job's old output before the job starts."""
    path = pipeline_file(preset, root)
    lock = path.removesuffix("yaml") + "lock"
    kept = f"; `dvc checkout {path}` brings back what {lock} has on record of theirs"
    return "Finished jobs keep their results, failed jobs have none" + kept * (Path(root) / lock).exists()


def record_run(preset, *, complete, root=".", overridden=(), inputs=(), orphans=(), missing=(), say=None):
    """Commit the results of a complete run to DVC's cache and lock; say so, or say why not.

    Nothing is recorded for a part of the grid: DVC would certify phases that are out of date. Nothing is done inside
    ``dvc repro`` either, which records by itself and holds DVC's lock meanwhile.

    Args:
        overridden: keys that the command line changed: the files that DVC reads do not say what was run, so the run
            is not recorded.
        orphans: files among the results that the grid no longer makes; they are recorded, and told of.
        inputs: files of the user's that the run depends on; those that ``dvc.yaml`` does not list are named.
        missing: results of the grid that are not here, as after a pull of a part; DVC would take them for deleted.
    """
    say = say or (lambda text: print(text, file=sys.stderr))
    if not complete or os.environ.get("DVC_STAGE"):
        return
    if not (Path(root) / ".dvc").is_dir():
        say("dvc: not recorded, this folder is not a DVC project (`dvc init` makes it one)")
        return
    if overridden:
        say(
            f"dvc: not recorded: --config set {', '.join(overridden)}, so the files do not say what was run\n"
            f"  remedy: write it into presets/{preset}.yaml, or into a preset of its own, and run again"
        )
        return
    if missing:
        say(
            f"dvc: not recorded: {len(missing)} results of the grid are not here: {missing[0]} ...\n"
            "  remedy: `dvc pull` them, and run again"
        )
        return
    path = write_pipeline_file(preset, root)
    complete_outs(preset, root)
    unlisted = [file for file in inputs if not _listed(file, root)]
    if unlisted:
        say(
            f"dvc: {', '.join(unlisted)} not among the `deps` in dvc.yaml: DVC will not notice a change there\n"
            "  remedy: add it to the `deps` of the stages fetch (images) or profile and train (networks)"
        )
    if orphans:
        say(
            f"dvc: {len(orphans)} files are of runs that the grid no longer has, but recorded too: {orphans[0]} ...\n"
            "  remedy: remove what you no longer want, and run again"
        )
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "commit", "--force", path],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        say(f"dvc: not recorded: {done.stderr.strip() or done.stdout.strip()}\n  remedy: `dvc commit {path}`")
    else:
        say(f"dvc: recorded in {path.removesuffix('yaml')}lock")


def _listed(file, root):
    """Whether a file, or a folder around it, is a dependency of some stage."""
    stages = read_yaml(Path(root) / "dvc.yaml")["stages"].values()
    deps = {dep for stage in stages for dep in stage.get("deps", ())}
    return any(str(place) in deps for place in (Path(file), *Path(file).parents))
