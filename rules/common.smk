"""The effective configuration, the grid, and the input functions that look things up in them."""

import json
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)  # the package may lie here without being installed

from edgeprune.config.grid import expand as expand_grid
from edgeprune.config.load import effective
from edgeprune.errors import EdgepruneError
from edgeprune.provenance.dvc import lost_and_found, record_run
from edgeprune.provenance.sources import digests
from edgeprune.scripting import let_jobs_find_us

let_jobs_find_us(workflow.basedir)
try:
    effective_config = effective(workflow.basedir, workflow.config_settings.overwrite_config)
except EdgepruneError as error:
    raise WorkflowError(f"the configuration cannot be used\n{error}") from None
config.clear()
config.update(effective_config)
GRID = expand_grid(config)


wildcard_constraints:
    network="[^/]+",
    dataset="[^/]+",
    variant="[^/]+",
    device="[^/]+",
    seed=r"\d+",


def as_json(*path):
    """A params function: what the effective configuration holds under ``path``; a part "{x}" is the wildcard x."""

    def get(wildcards):
        value = config
        for part in path:
            value = value[part.format(**wildcards)]
        return json.dumps(value, sort_keys=True)

    return get


def sources(*entries):
    """A params function: digests of the modules that a script (and a network's factory) reach."""

    def get(wildcards):
        return digests(*(config["networks"][wildcards.network]["factory"] if e == "{factory}" else e for e in entries))

    return get


def get_plan_settings(wildcards):
    """The options that say what a variant is."""
    variant = GRID.variants[wildcards.variant]
    options = f"--method {variant.method}"
    if variant.mode:
        options += f" --mode {variant.mode} --target {variant.target}"
    return options


def get_local_images(wildcards):
    """The folder or archive on this machine that a data set is made from, if there is one."""
    path = config["datasets"][wildcards.dataset].get("path")
    return [path] if path else []


def get_reference(wildcards):
    """The dense network that a model is measured beside, where the grid has one."""
    dense = "<results>/train_network/{network}/{dataset}/dense/seed-{seed}/model.onnx"
    return [dense.format(**wildcards)] if "dense" in GRID.variants else []


def get_threads(wildcards):
    return config["recipes"][wildcards.network].get("threads", 1)


def files_of(runs, pattern):
    """``pattern`` for each run; {path} is network/dataset/variant/seed-N."""
    return [pattern.format(path=run.path) for run in runs]


def get_metrics_of_pair(wildcards):
    runs = GRID.of_pair(wildcards.network, wildcards.dataset)
    return files_of(runs, "<results>/train_network/{path}/metrics.json")


def get_plans_of_pair(wildcards):
    return files_of(GRID.of_pair(wildcards.network, wildcards.dataset), "<results>/sample_plan/{path}.json")


def get_measurements_of_pair(wildcards):
    runs = GRID.of_pair(wildcards.network, wildcards.dataset)
    return measurements_of(runs)


def measurements_of(runs):
    """The measurements of runs on every device."""
    return [
        file
        for device in config["measure_on"]
        for file in files_of(runs, f"<results>/measure_model/{device}/{{path}}.json")
    ]


def braces(*names):
    """The shell's pattern for names: a grid of thousands of files fits on a command line."""
    names = [str(name) for name in dict.fromkeys(names)]
    return "{" + ",".join(names) + "}" if len(names) > 1 else names[0]


def get_result_arguments(wildcards):
    """--metrics and --measurements of a pair (or of all, without wildcards) as patterns for the shell."""
    pairs = [f"{wildcards.network}/{wildcards.dataset}"] if wildcards else ["/".join(pair) for pair in GRID.pairs]
    runs = f"{braces(*pairs)}/{braces(*GRID.variants)}/seed-{braces(*config['seeds'])}"
    results = f"results/{config['preset']}"
    options = f"--metrics {results}/train_network/{runs}/metrics.json"
    if config["measure_on"]:
        options += f" --measurements {results}/measure_model/{braces(*config['measure_on'])}/{runs}.json"
    return options


def get_plan_arguments(wildcards):
    runs = f"{braces(*GRID.variants)}/seed-{braces(*config['seeds'])}.json"
    return f"--plans results/{config['preset']}/sample_plan/{wildcards.network}/{wildcards.dataset}/{runs}"


def record(succeeded):
    """After a run: put a whole, successful one on record in DVC."""
    settings = workflow.dag_settings
    whole = not (settings.until or settings.omit_from or settings.batch)
    targets = {rule.name for rule in workflow.dag.targetrules}
    if not succeeded:
        print(lost_and_found(config["preset"], workflow.basedir), file=sys.stderr)
    record_run(config["preset"], complete=succeeded and whole and "all" in targets, root=workflow.basedir)
