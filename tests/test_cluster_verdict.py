"""What follows the end of a job on the cluster: another attempt, with more of what it lacked, or none."""

from types import SimpleNamespace

import pytest

from edgeprune.cluster.pack import Pack
from edgeprune.cluster.verdict import FORGOTTEN, verdict

STOPPED = "Command 'exec python' returned non-zero exit status 75."
MISTAKE = "Command 'exec python' returned non-zero exit status 1."
KILLED = "Command 'exec python' died with <Signals.SIGKILL: 9>."


@pytest.mark.parametrize(
    ("state", "error", "log", "elapsed", "again", "more"),
    [
        ("OUT_OF_MEMORY", KILLED, "", 60, True, "mem_mb"),
        ("FAILED", KILLED, "slurmstepd: error: Detected 1 oom-kill event(s)", 60, True, "mem_mb"),
        ("FAILED", None, "slurmstepd: error: Step 1.0 exceeded memory limit, being killed", 60, True, "mem_mb"),
        ("TIMEOUT", None, "", 3600, True, "runtime"),
        ("FAILED", STOPPED, "", 3490, True, "runtime"),  # SIGTERM two minutes before the end
        ("FAILED", STOPPED, "", 60, True, None),
        ("CANCELLED", STOPPED, "", 60, True, None),
        ("PREEMPTED", None, "", 60, True, None),
        ("NODE_FAIL", None, "", 60, True, None),
        (FORGOTTEN, None, "", None, True, None),
        ("FAILED", KILLED, "", 60, True, None),
        ("FAILED", None, "", 60, True, None),  # its Snakemake died
        ("FAILED", MISTAKE, "", 60, False, None),
        ("FAILED", MISTAKE, "", 3590, False, None),
    ],
)
def test_only_what_was_short_grows_and_a_mistake_is_not_repeated(state, error, log, elapsed, again, more):
    judged = verdict(state, error, log, elapsed, 3600)
    assert (judged.again, judged.more) == (again, more)


class Resources(dict):
    def __init__(self, fromdict):
        super().__init__(fromdict)
        self.__dict__ = self


def job(number, **resources):
    return SimpleNamespace(
        rule=SimpleNamespace(name="train_network"),
        wildcards_dict={"network": "vgg8", "dataset": "digits", "variant": "FA-0.50", "seed": str(number)},
        resources=Resources(resources),
        threads=1,
        is_group=lambda: False,
    )


def test_no_request_grows_past_the_partition():
    asked = Pack([job(0, mem_mb=8000, runtime=240)], {"mem_mb": 4, "runtime": 4}, {"mem_mb": 16000, "runtime": 300})
    assert asked.resources == {"mem_mb": 16000, "runtime": 300}


def test_memory_that_does_not_fit_is_left_to_slurm_to_refuse_and_time_is_cut():
    asked = Pack([job(0, mem_mb=8000, runtime=240)], {}, {"mem_mb": 4000, "runtime": 60})
    assert asked.resources == {"mem_mb": 8000, "runtime": 60}


def test_a_pack_asks_for_its_jobs_one_after_another_and_as_many_beside_each_other_as_fit():
    jobs = [job(i, mem_mb=500, runtime=2, at_once=4) for i in range(10)]
    for cpus, beside in ((None, 4), (2, 2)):
        asked = Pack(jobs, {}, {"cpus": cpus})
        assert (asked.threads, asked.resources["mem_mb"]) == (beside, 500 * beside)
        assert asked.resources["runtime"] == 2 * -(-10 // beside)


def test_trainings_share_an_allocation_as_they_share_a_gpu():
    asked = Pack([job(i, mem_mb=8000, runtime=240, slots_per_gpu=2, gpu=1) for i in range(2)], {}, {})
    assert asked.resources == {"mem_mb": 16000, "runtime": 240, "slots_per_gpu": 2, "gpu": 1}


def test_names_say_network_variant_and_seed():
    assert Pack([job(3)], {}, {}).name == "edgeprune_train_network_vgg8_FA-0.50_3_digits"
    assert Pack([job(3), job(4)], {}, {}).name == "edgeprune_train_network_vgg8_digits_2-jobs"
