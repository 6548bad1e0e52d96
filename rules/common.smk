"""The effective configuration, the grid, and the input functions that look things up in them."""

import json
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from edgeprune import files, identity
from edgeprune.cluster import head
from edgeprune.config.grid import Run
from edgeprune.config.grid import expand as expand_grid
from edgeprune.config.load import effective
from edgeprune.config.recipes import recipe_of
from edgeprune.config.sampling import of_widths, sampling_of
from edgeprune.gpus import slots
from edgeprune.errors import EdgepruneError
from edgeprune.names import MEASURED
from edgeprune.provenance import inputs
from edgeprune.provenance.sources import digests
from edgeprune.entrypoint import let_jobs_find_us, refuse

let_jobs_find_us(workflow.basedir)
try:
    effective_config = effective(workflow.basedir, workflow.config_settings.overwrite_config)
except EdgepruneError as error:
    refuse(error)
config.clear()
config.update(effective_config)
GRID = expand_grid(config)


wildcard_constraints:
    network="[^/]+",
    dataset="[^/]+",
    variant="[^/]+",
    device="[^/]+",
    seed=r"\d+(-\d+)?",


# No more trainings at a time than the GPUs of this machine have slots for; `--resources gpu=N` wins, and a cluster's own
# queue knows better than the machine that submits to it.
SLOTS_PER_GPU = config.get("gpus", {}).get("slots_per_gpu", 1)
if slots.gpus() and "gpu" not in workflow.global_resources and workflow.nodes is None:
    workflow.register_resource("gpu", len(slots.gpus()) * SLOTS_PER_GPU)


def one_of(names):
    """A wildcard's constraint to these names; to nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def as_json(*path):
    """A params function: what the effective configuration holds under ``path``; a part "{x}" is the wildcard x."""

    def get(wildcards):
        value = config
        for part in path:
            value = value[part.format(**wildcards)]
        return json.dumps(value, sort_keys=True)

    return get


digests_once = cache(digests)  # the grid asks for each script's thousands of times


def sources(*entries):
    """A params function: digests of the modules that a script (and a network's factory) reach."""

    def get(wildcards):
        factory = config["networks"][wildcards.network]["factory"] if "{factory}" in entries else None
        try:
            return digests_once(*(factory if entry == "{factory}" else entry for entry in entries))
        except EdgepruneError as error:
            at = f" of the network {wildcards.network}" if factory else ""
            raise WorkflowError(f"a source file{at} is missing\n{error}") from None

    return get


def get_plan_settings(wildcards):
    """The options that say what a variant is."""
    variant = GRID.variants[wildcards.variant]
    options = f"--method {variant.method}"
    if variant.mode:
        options += f" --mode {variant.mode} --target {variant.target}"
    return options


def get_sampling(wildcards):
    """A params function: the settings that a variant's plan is drawn with."""
    variant = GRID.variants[wildcards.variant]
    return json.dumps(sampling_of(config["sampling"], wildcards.network, variant), sort_keys=True)


def get_widths_settings(wildcards):
    """A params function: the settings that say which widths the layers of a network can have."""
    return json.dumps(of_widths(config["sampling"], wildcards.network), sort_keys=True)


def get_plan_seed(wildcards):
    return identity.seeds_named(wildcards.seed)[0]


def get_training_seed(wildcards):
    return identity.seeds_named(wildcards.seed)[1]


def get_names(wildcards):
    """The options that say what a run's reference and budget are called, where it has any."""
    variant = GRID.variants[wildcards.variant]
    named = {"reference": variant.reference, "budget": variant.budget_name}
    return " ".join(f"--{option} {name}" for option, name in named.items() if name)


def recipe(wildcards):
    """How a run trains, by its network and its reference; a baseline's pruned weights are fine-tuned."""
    variant = GRID.variants[wildcards.variant]
    fine_tuning = variant.name in GRID.baselines
    return recipe_of(config["recipes"], wildcards.network, changes=variant.recipe, fine_tuning=fine_tuning)


def get_recipe(wildcards):
    return json.dumps(recipe(wildcards), sort_keys=True)


def get_gpus(wildcards):
    """Whether a training needs one of this machine's GPUs."""
    return min(1, slots.count(recipe(wildcards).get("device", "auto")))


def plans_of(runs):
    """The plan of each run: drawn, or what is left of a trained network."""
    return [
        (
            f"<results>/train_network/{run.path}/pruned/plan.json"
            if run.variant in GRID.baselines
            else f"<results>/sample_plan/{run.path}.json"
        )
        for run in runs
    ]


def get_plan(wildcards):
    return plans_of([Run(wildcards.network, wildcards.dataset, wildcards.variant, wildcards.seed)])


def get_earlier_stages(wildcards):
    """Of a baseline: the costs of the dense training and of the pruning, which its own comes on top of."""
    if wildcards.variant not in GRID.baselines:
        return []
    stages = (
        "<results>/train_network/{network}/{dataset}/dense/seed-{seed}/metrics.json",
        "<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/pruned/cost.json",
    )
    return [stage.format(**wildcards) for stage in stages]


def get_earlier_times(wildcards):
    """Read beside the costs of the earlier stages."""
    return [str(Path(file).with_name("timing.json")) for file in get_earlier_stages(wildcards)]


def get_pruned_weights(wildcards):
    weights = "<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/pruned/model.pt"
    return [weights.format(**wildcards)] if wildcards.variant in GRID.baselines else []


def get_start(wildcards, input):
    """The options that say what a training goes on from."""
    return f"--initial {input.initial} --earlier {input.earlier}" if input.get("initial") else ""


def get_local_images(wildcards):
    """The folder or archive on this machine that a data set is made from, if there is one."""
    try:
        path = inputs.images(wildcards.dataset, config["datasets"][wildcards.dataset], workflow.basedir)
    except EdgepruneError as error:
        refuse(error)
    return [path] if path else []


def get_listing(wildcards, input):
    """A digest of the files in a local folder of images."""
    return [inputs.listing(path) for path in input if Path(path).is_dir()]


def get_reference(wildcards):
    """The dense network that a model is measured beside, where the grid has one."""
    dense = "<results>/train_network/{network}/{dataset}/dense/seed-{seed}/model.onnx"
    return [dense.format(**wildcards)] if "dense" in GRID.variants else []


def get_threads(wildcards):
    return recipe(wildcards).get("threads", 1)


def files_of(runs, pattern):
    """``pattern`` for each run; {path} is network/dataset/variant/seed-<name>."""
    return [pattern.format(path=run.path) for run in runs]


def get_metrics_of_pair(wildcards):
    runs = GRID.of_pair(wildcards.network, wildcards.dataset)
    return files_of(runs, "<results>/train_network/{path}/metrics.json")


def get_timings_of_pair(wildcards):
    runs = GRID.of_pair(wildcards.network, wildcards.dataset)
    return files_of(runs, "<results>/train_network/{path}/timing.json")


def get_plans_of_pair(wildcards):
    return plans_of(GRID.of_pair(wildcards.network, wildcards.dataset))


def get_measurements_of_pair(wildcards):
    runs = GRID.of_pair(wildcards.network, wildcards.dataset)
    return measurements_of(runs)


def measurements_of(runs):
    """The measurements of runs on every device, in each of its runtimes."""
    return [
        file
        for device, runtime in measured()
        for file in files_of(runs, f"<results>/measure_model/{device}/{runtime}/{{path}}.json")
    ]


def braces(*names):
    """The shell's pattern for names: a grid of thousands of files fits on a command line."""
    names = [str(name) for name in dict.fromkeys(names)]
    return "{" + ",".join(names) + "}" if len(names) > 1 else names[0]


def get_training_arguments(wildcards):
    """--metrics and --timings of a pair (or of all, without wildcards) as patterns for the shell."""
    runs = f"results/{config['preset']}/train_network/{_runs_of(wildcards)}"
    return f"--metrics {runs}/metrics.json --timings {runs}/timing.json"


def get_result_arguments(wildcards):
    """The same, and --measurements."""
    options = get_training_arguments(wildcards)
    if measured():
        pairs = braces(*("/".join(pair) for pair in measured()))
        options += f" --measurements results/{config['preset']}/measure_model/{pairs}/{_runs_of(wildcards)}.json"
    return options


def _runs_of(wildcards):
    pairs = [f"{wildcards.network}/{wildcards.dataset}"] if wildcards else ["/".join(pair) for pair in GRID.pairs]
    return f"{braces(*pairs)}/{braces(*GRID.variants)}/seed-{braces(*GRID.seeds)}"


def get_plan_arguments(wildcards):
    results, pair = f"results/{config['preset']}", f"{wildcards.network}/{wildcards.dataset}"
    seeds = f"seed-{braces(*GRID.seeds)}"
    options = f"--plans {results}/sample_plan/{pair}/{braces(*GRID.sampled)}/{seeds}.json"
    if GRID.baselines:
        options += f" {results}/train_network/{pair}/{braces(*GRID.baselines)}/{seeds}/pruned/plan.json"
    return options


def refuse_orphans():
    """Before the first job: none of a run that was killed may write beside ours."""
    try:
        head.refuse_orphans(workflow.basedir, submits=workflow.nodes is not None)
    except EdgepruneError as error:
        raise WorkflowError(f"the run cannot start\n{error}") from None


def refuse_unwritable():
    """Before the first job: its results have to be written somewhere."""
    try:
        for folder in ("results", "logs"):
            files.check_writable(f"{folder}/{config['preset']}")
    except EdgepruneError as error:
        refuse(error)
