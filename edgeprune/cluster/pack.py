"""Several jobs in one allocation: what Snakemake and its executor for Slurm ask of a job, for all of them together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from typing import Any

from edgeprune.cluster.queue import PREFIX

#: What a profile says of packing, as resources of a rule: how many jobs share an allocation, how many run at a time.
SIZE, AT_ONCE = "pack", "at_once"
#: Wildcards that jobs of an allocation have in common: a stopwatch must not be started on a part of a network's runs.
TOGETHER = ("network", "dataset", "device")
_NAMED = ("network", "variant", "seed", "dataset", "device", "runtime")


def size(job: Any) -> int:
    """How many jobs may share an allocation with this one, itself included."""
    return max(int(job.resources.get(SIZE, 1)), at_once(job))


def at_once(job: Any) -> int:
    """How many of them run at a time; trainings, as many as a GPU has slots."""
    return max(int(job.resources.get(AT_ONCE, 1)), int(job.resources.get("slots_per_gpu", 1)))


def kind(job: Any) -> tuple[str, ...]:
    """What jobs have in common that may share an allocation."""
    return (job.rule.name, *(job.wildcards_dict.get(name, "") for name in TOGETHER))


@dataclass
class Pack:
    """Jobs of one kind; ``more`` are factors for ``mem_mb`` and ``runtime``, ``most`` what the partition allows."""

    jobs: Sequence[Any]
    more: Mapping[str, int]
    most: Mapping[str, int | None]
    attempt: int = 1
    is_updated: bool = False
    output: Sequence[str] = ()  # none of ours is temporary, which is all that is asked

    @property
    def beside(self) -> int:
        cpus = self.most.get("cpus")
        fit = cpus // self._each if cpus else len(self.jobs)
        return max(1, min(at_once(self.jobs[0]), len(self.jobs), fit))

    @property
    def _each(self) -> int:
        return max(job.threads for job in self.jobs)

    @property
    def threads(self) -> int:
        return self._each * self.beside

    @property
    def resources(self) -> Any:
        given = self.jobs[0].resources
        asked = dict(given.items())
        for name, times in {"mem_mb": self.beside, "runtime": ceil(len(self.jobs) / self.beside)}.items():
            if asked.get(name):
                wanted = asked[name] * self.more.get(name, 1) * times
                most = self.most.get(name)
                # Memory that does not fit from the start is Slurm's to refuse; after too short a time, states are kept.
                least = asked[name] * times if name == "mem_mb" else 0
                asked[name] = max(min(wanted, most or wanted), least)
        return type(given)(fromdict=asked)

    @property
    def name(self) -> str:
        """``edgeprune_train_network_vgg8_FA-0.50_0``: as squeue shows it."""
        first = self.jobs[0]
        if first.is_group():
            return f"{PREFIX}{first.groupid}"
        named = [first.wildcards_dict[name] for name in _NAMED if name in first.wildcards_dict]
        if len(self.jobs) > 1:
            named = [*(part for part in kind(first)[1:] if part), f"{len(self.jobs)}-jobs"]
        return PREFIX + "_".join([first.rule.name, *named]).replace("/", "_")

    @property
    def rules(self) -> list[str]:
        return sorted({name for job in self.jobs for name in job.rules})

    @property
    def jobid(self) -> Any:
        return self.jobs[0].jobid

    def is_group(self) -> bool:
        return self.jobs[0].is_group()

    def get_target_spec(self) -> list[Any]:
        return list(chain.from_iterable(job.get_target_spec() for job in self.jobs))

    def get_wait_for_files(self) -> Iterable[str]:
        return dict.fromkeys(chain.from_iterable(job.get_wait_for_files() for job in self.jobs))

    def format_wildcards(self, pattern: str) -> str:
        return f"pack.{self.jobid}.sh"
