"""What the jobs of a grid are given: settings, options of their scripts, and the files that earlier jobs make.

The ``<results>`` at the start of a file is for Snakemake to replace.
"""

from collections.abc import Iterable
from typing import Any

from edgeprune import identity, tasks
from edgeprune.config.grid import Run, expand, of_widths, sampling_of
from edgeprune.config.recipes import recipe_of
from edgeprune.names import INT8, MEASURED

#: Whatever has a run's ``network``, ``dataset``, ``variant`` and ``seed``, as far as they are asked for: Snakemake's
#: wildcards are one.
AnyRun = Any

#: A run's folder.
TRAINED = "<results>/train_network/{0.network}/{0.dataset}/{0.variant}/seed-{0.seed}"
#: Networks of a figure of test images.
PICTURED = 5
QUANTIZED = TRAINED.replace("train_network", "quantize_model")


class Jobs:
    """Of an effective configuration.

    Attributes:
        config, grid: the configuration, and its runs.
        measured: ``(device, runtime)`` of everything that the grid measures.
        tabled: names of the variants whose plans are drawn by a device's table of layer costs.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.grid = config, expand(config)
        self.measured = [(d, r) for d in config["measure_on"] for r in config["devices"][d].get("runtimes", ["fp32"])]
        self.tabled = [name for name, variant in self.grid.variants.items() if variant.mode in MEASURED]

    def network(self, run: AnyRun) -> dict[str, Any]:
        """Factory and arguments of the network."""
        return self.config["networks"][run.network]

    def plan_options(self, run: AnyRun) -> str:
        """The options that say what a variant is."""
        variant = self.grid.variants[run.variant]
        asked = f" --mode {variant.mode} --target {variant.target}" if variant.mode else ""
        return f"--method {variant.method}{asked}"

    def names(self, run: AnyRun) -> str:
        """The options that say what a run's reference and budget are called, where it has any."""
        variant = self.grid.variants[run.variant]
        named = {"reference": variant.reference, "budget": variant.budget_name}
        return " ".join(f"--{option} {name}" for option, name in named.items() if name)

    def sampling(self, run: AnyRun) -> dict[str, Any]:
        """The settings that a variant's plan is drawn with."""
        return sampling_of(self.config["sampling"], run.network, self.grid.variants[run.variant])

    def widths(self, run: AnyRun) -> dict[str, Any]:
        """The settings that say which widths the layers of a network can have."""
        return of_widths(self.config["sampling"], run.network)

    def recipe(self, run: AnyRun) -> dict[str, Any]:
        """How a run trains, by its network and its reference; a baseline's pruned weights are fine-tuned."""
        variant = self.grid.variants[run.variant]
        fine_tuning = variant.name in self.grid.baselines
        return recipe_of(self.config["recipes"], run.network, changes=variant.recipe, fine_tuning=fine_tuning)

    def device(self, run: AnyRun) -> dict[str, Any]:
        """A device's settings, without the list of runtimes, which does not change a measurement."""
        return {key: value for key, value in self.config["devices"][run.device].items() if key != "runtimes"}

    def plan(self, run: AnyRun) -> str:
        """The plan: drawn, or what is left of a trained network."""
        if run.variant in self.grid.baselines:
            return f"{TRAINED}/pruned/plan.json".format(run)
        return f"<results>/sample_plan/{run.network}/{run.dataset}/{run.variant}/seed-{run.seed}.json"

    def plan_seed(self, run: AnyRun) -> int:
        return identity.seeds_named(run.seed)[0]

    def training_seed(self, run: AnyRun) -> int:
        return identity.seeds_named(run.seed)[1]

    def table(self, run: AnyRun) -> list[str]:
        """The table of layer costs that a plan is drawn by, where its mode goes by one."""
        return [self.table_of_pair(run)] if run.variant in self.tabled else []

    def table_of_pair(self, run: AnyRun) -> str:
        return f"<results>/measure_layers/{self.config.get('sample_on')}/{run.network}/{run.dataset}/table.json"

    def pruned_weights(self, run: AnyRun) -> list[str]:
        """What a baseline's training goes on from."""
        return [f"{TRAINED}/pruned/model.pt".format(run)] if run.variant in self.grid.baselines else []

    def earlier(self, run: AnyRun) -> list[str]:
        """Of a baseline: the costs of the dense training and of the pruning, which its own comes on top of."""
        if run.variant not in self.grid.baselines:
            return []
        return [f"{self._dense(run)}/metrics.json", f"{TRAINED}/pruned/cost.json".format(run)]

    def earlier_times(self, run: AnyRun) -> list[str]:
        """Read beside the costs of the earlier stages."""
        return [f"{file.rpartition('/')[0]}/timing.json" for file in self.earlier(run)]

    def reference(self, run: AnyRun) -> list[str]:
        """The dense network that a model is measured beside, in fp32, where the grid has one."""
        return [f"{self._dense(run)}/model.onnx"] if "dense" in self.grid.variants else []

    def model(self, run: AnyRun) -> str:
        """The ONNX file that a runtime measures, or that is converted for it."""
        return f"{QUANTIZED if run.runtime in INT8 else TRAINED}/model.onnx".format(run)

    def quantized(self, run: AnyRun) -> list[str]:
        """The int8 model's own score."""
        return [f"{QUANTIZED}/quantized.json".format(run)] if run.runtime in INT8 else []

    def plans(self, runs: Iterable[AnyRun]) -> list[str]:
        return [self.plan(run) for run in runs]

    def trained(self, runs: Iterable[AnyRun], file: str = "metrics.json") -> list[str]:
        """A file of each run's training."""
        return [f"{TRAINED}/{file}".format(run) for run in runs]

    def timings(self, runs: Iterable[AnyRun]) -> list[str]:
        return self.trained(runs, "timing.json")

    def pictured(self, runs: Iterable[Run]) -> list[Run]:
        """Of one pair's runs those whose test images are shown: of the first seed, the dense network, then the main
        method and the references at the smallest target of each mode; :data:`PICTURED` at most."""
        variants, first = self.grid.variants, {}
        for run in sorted(runs, key=lambda run: variants[run.variant].target or 1):  # budgets after targets
            variant = variants[run.variant]
            first.setdefault((variant.reference, variant.mode, variant.budget_name), run)
        ranks = {"dense": 0, None: 1}
        return sorted(first.values(), key=lambda run: ranks.get(variants[run.variant].reference, 2))[:PICTURED]

    def measurements(self, runs: Iterable[Run]) -> list[str]:
        """The measurements of runs on every device, in each of its runtimes."""
        return [f"<results>/measure_model/{d}/{r}/{run.path}.json" for d, r in self.measured for run in runs]

    def baselines(self, datasets: Iterable[str]) -> list[str]:
        """The scores of what learnt nothing, of the datasets whose task has such a baseline."""
        known = {name: tasks.get(self.config["datasets"][name]["task"]).baseline for name in datasets}
        return [f"<results>/score_baseline/{name}/baseline.json" for name in datasets if known[name]]

    @staticmethod
    def _dense(run: AnyRun) -> str:
        return TRAINED.replace("{0.variant}", "dense").format(run)
