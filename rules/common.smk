"""The effective configuration, its grid, and the helpers that the rules share."""

import contextlib
import json
import re
import sys
from functools import cache
from pathlib import Path

import snakemake

sys.path.insert(0, workflow.basedir)  # the package may lie here without being installed

from edgeprune import files, single_run, tasks
from edgeprune import snakemake_internals as internals
from edgeprune.cluster import executor, head
from edgeprune.cluster.attempts import Attempts
from edgeprune.commands import new
from edgeprune.config.jobs import Jobs
from edgeprune.config.load import effective
from edgeprune.errors import EdgepruneError, near
from edgeprune.entrypoint import let_jobs_find_us, refusing
from edgeprune.gpus import slots
from edgeprune.names import RUNTIMES
from edgeprune.provenance import inputs
from edgeprune.provenance.sources import Sources
from edgeprune.sources import SOURCES

let_jobs_find_us(workflow.basedir)
with refusing():
    internals.check_version(snakemake.__version__)
    new.check_version(workflow.basedir)
    effective_config = effective(workflow.basedir, internals.overrides(workflow))
config.clear()
config.update(effective_config)
JOBS = Jobs(config)
GRID = JOBS.grid
FOLDERS = [f"{top}/{config['preset']}" for top in ("results", "logs")]


wildcard_constraints:
    network="[^/]+",
    dataset="[^/]+",
    variant="[^/]+",
    device="[^/]+",
    seed=r"\d+(-\d+)?",


# No more trainings at a time than the GPUs of this machine have slots for; `--resources gpu=N` wins, and a cluster's own
# queue knows better than the machine that submits to it.
SLOTS_PER_GPU = config.get("gpus", {}).get("slots_per_gpu", 1)
if slots.gpus():
    internals.offer_here(workflow, "gpu", len(slots.gpus()) * SLOTS_PER_GPU)


def one_of(names):
    """A wildcard's constraint to these names; to nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def as_json(get):
    """A params function: what ``get`` makes of the wildcards."""
    return lambda wildcards: json.dumps(get(wildcards), sort_keys=True)


def of_pair(get):
    """An input function: what ``get`` makes of the runs of one network on one dataset."""
    return lambda wildcards: get(GRID.of_pair(wildcards.network, wildcards.dataset))


def given(*names):
    """A params function: options of these names for those of the inputs that the job has."""
    return lambda wildcards, input: " ".join(f"--{name} {input[name]}" for name in names if input.get(name))


def lists(*names):
    """For a shell command: options of these names, each with a list of the inputs of its name, one a line.

    Bash hands them over as files, so that a grid of thousands of runs goes with a command line.
    """
    return " ".join(f"--{name} @<(printf '%s\\n' {{input.{name}}})" for name in names)


def listed(wildcards, input):
    """A params function: :func:`lists` of all inputs, for rules of a loop: a job takes its shell command from the last."""
    return lists(*input.keys()).format(input=input)


digests_of = cache(Sources().digests)  # the grid asks for each script's thousands of times


def sources(*entries):
    """A params function: digests of the modules that a script (and a network's factory, a dataset's task, its source)
    reach."""

    @refusing()
    def get(wildcards):
        factory = JOBS.network(wildcards)["factory"] if "{factory}" in entries else None
        task = tasks.TASKS[config["datasets"][wildcards.dataset]["task"]] if "{task}" in entries else None
        source = SOURCES[config["datasets"][wildcards.dataset]["source"]].load if "{source}" in entries else None
        named = {"{factory}": factory, "{task}": task, "{source}": source}
        try:
            return digests_of(*(named.get(entry, entry) for entry in entries))
        except EdgepruneError as error:
            key = f"networks.{wildcards.network}.factory" if factory else None
            raise EdgepruneError(error.problem, file=error.file, key=key, remedy=error.remedy) from error

    return get


@refusing()
def get_local_images(wildcards):
    """The folder or archive on this machine that a data set is made from, if there is one."""
    path = inputs.images(wildcards.dataset, config["datasets"][wildcards.dataset], workflow.basedir)
    return [path] if path else []


def with_listing(get):
    """A params function: what ``get`` says, and a digest of the files in a local folder of images, if there is one.

    Not from `input`: of params that are made from it Snakemake keeps no record.
    """

    def both(wildcards):
        folders = [path for path in get_local_images(wildcards) if Path(path).is_dir()]
        return [*get(wildcards), *(f"{path}@{inputs.listing(path)}" for path in folders)]

    return both


def get_gpus(wildcards):
    """Whether a training needs one of this machine's GPUs."""
    return min(1, slots.count(JOBS.recipe(wildcards).get("device", "auto")))


def get_threads(wildcards):
    return JOBS.recipe(wildcards).get("threads", 1)


@refusing()
def refuse_orphans():
    """Before the first job: none of a run that was killed may write beside ours."""
    head.refuse_orphans(workflow.basedir, submits=internals.to_slurm(workflow))
    ATTEMPTS.new_run()


@contextlib.contextmanager
def one_at_a_time():
    """Around a run: no other one of the preset, nor what a killed one left, writes beside it."""
    with refusing(), single_run.turn(workflow.basedir, config["preset"]):
        yield


def sweep():
    """Before the first job, when no other is left: remove what killed jobs left of files that they were writing."""
    for folder in FOLDERS:
        files.sweep(folder)


@refusing()
def refuse_unwritable(outputs=()):
    """Before the first job: its results have to be written somewhere."""
    for folder in [*FOLDERS, *(Path(file).parent for file in outputs)]:
        files.check_writable(folder)


internals.plan_faster(workflow)
internals.start_at_once(workflow)
internals.before_protected(refuse_unwritable)
ATTEMPTS = Attempts(workflow.basedir, config["preset"])
internals.fence(workflow, ATTEMPTS)
if internals.submits(workflow):
    internals.let_slurm_executor_be(executor.made_to_last)
