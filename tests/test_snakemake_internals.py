"""The inside of the installed Snakemake is as the two modules that use it take it: ours, and the ledger's."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import snakemake
from snakemake.jobs import Job

from edgeprune import snakemake_internals as internals
from edgeprune.errors import EdgepruneError
from helpers.toyflow import Toy
from helpers.workflow import ROOT

SNAKEFILE = f"""
import json
import sys
sys.path.insert(0, {str(ROOT)!r})
from edgeprune import snakemake_internals as internals
from snakeledger import workflow as ledger

configfile: "config.yaml"
FOUND = dict(
    plans=ledger.plans(workflow), submits=internals.submits(workflow), overrides=internals.overrides(workflow),
    unsupported=ledger.unsupported(workflow),
)
internals.offer(workflow, "oven", 3)
internals.offer(workflow, "bowl", 5)

def tell(**more):
    with open("found.json", "w") as stream:
        json.dump(FOUND | more | dict(resources=dict(workflow.global_resources)), stream, default=str)

onsuccess: tell(outputs=sorted(ledger.outputs(workflow)), whole=ledger.is_whole(workflow))

def check(files):
    sys.exit("ours: " + " ".join(files))

internals.before_protected(check)

rule all:
    input: "b.txt"
rule a:
    output: "a.txt"
    shell: "touch {{output}}"
rule b:
    input: "a.txt"
    output: "b.txt"
    params: config["note"]
    shell: "touch {{output}}"
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setattr(Job, "check_protected_output", Job.check_protected_output)  # put back after the test
    toy = Toy(tmp_path)
    (toy.root / "Snakefile").write_text(SNAKEFILE)
    return toy


def found(toy):
    return json.loads((toy.root / "found.json").read_text())


def test_a_run_is_known_by_what_it_makes_and_was_asked_for(toy):
    toy.snakemake("--resources", "bowl=1", "--config", "note=mine")
    told = found(toy)
    assert (told["plans"], told["submits"], told["whole"]) == (True, False, True)
    assert told["overrides"] == {"note": "mine"}
    assert told["outputs"] == ["a.txt", "b.txt"]
    assert [told["resources"][name] for name in ("oven", "bowl")] == ['Resource("oven", 3)', 'Resource("bowl", 1)']
    assert told["unsupported"] is None
    toy.snakemake("--forceall", "a")
    assert not found(toy)["whole"]
    toy.snakemake("--forceall", "--until", "a")
    assert not found(toy)["whole"]


def test_protected_outputs_are_checked_before_snakemake_tells_of_them(toy, monkeypatch):
    toy.snakemake()
    toy.configure(note="another")
    access = os.access  # root may write to any file
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != "b.txt" and access(path, mode))
    with pytest.raises(SystemExit, match=r"ours: b\.txt"):
        toy.snakemake()


def test_the_installed_version_and_the_pinned_one_will_do():
    internals.check_version(snakemake.__version__)
    internals.check_version(re.search(r"^snakemake==(\S+)", Path(ROOT, "requirements.in").read_text(), re.M)[1])


@pytest.mark.parametrize("version", ["9.15.3", "8.30.0", "10.0.0", "10.0.0a1", "11.2"])
def test_another_version_is_refused_with_those_that_will_do(version):
    with pytest.raises(EdgepruneError, match=re.escape(f"this is Snakemake {version}")) as caught:
        internals.check_version(version)
    assert "snakemake>=9.16,<10" in caught.value.remedy


@pytest.mark.parametrize("options", [["--cores", "2"], ["--cores", "2", "--jobs", "2"]], ids=" ".join)
def test_what_is_offered_here_is_offered_however_many_jobs_run_here(toy, options):
    (toy.root / "Snakefile").write_text(f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from edgeprune import snakemake_internals as internals
internals.offer_here(workflow, "watch", 1)

rule all:
    input: "1.txt", "2.txt"
rule one:
    output: "{{n}}.txt"
    resources: watch=1
    shell: "mkdir busy && sleep 0.5 && rmdir busy && touch {{output}}"
""")
    run = [sys.executable, "-m", "snakemake", *options]
    done = subprocess.run(run, cwd=toy.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # two at a time, and one finds the folder there


@pytest.mark.parametrize(("options", "limit"), [((), None), (("--max-jobs-per-timespan", "1/1s"), 1)])
def test_jobs_start_at_once_unless_the_command_says_how_many(toy, options, limit):
    (toy.root / "Snakefile").write_text(f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from edgeprune import snakemake_internals as internals
internals.start_at_once(workflow)
onsuccess:
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    print("at most", limit and limit.max_jobs)

rule one:
    output: "1.txt"
    shell: "touch {{output}}"
""")
    run = [sys.executable, "-m", "snakemake", "--cores", "1", *options]
    done = subprocess.run(run, cwd=toy.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"at most {limit}\n" in done.stdout
    assert (toy.root / "1.txt").exists()
