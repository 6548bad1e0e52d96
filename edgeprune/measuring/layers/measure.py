"""Make a device's table of layer costs: export the network at several widths, time its layers there."""

import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.export.layer_tags import tagged
from edgeprune.measuring.devices import Device, connect
from edgeprune.measuring.layers import assemble, design
from edgeprune.measuring.measure import options
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.table import FORMAT, VERSION
from edgeprune.surgery.prune import prune
from edgeprune.tracing.passes import untouched_random_state

#: Networks that go to the device at a time, beside the dense one, so that progress can be told and disks suffice.
AT_A_TIME = 5
#: Runs of each network before its times count: the caches and the runtime's memory are filled after two.
WARMUP = 3
#: Networks at widths between three levels' that tell whether three suffice, and by how much of their latency the table
#: may miss them on average: what two measurements of one network differ by.
CHECKS, FITS = 4, 0.03


def measure(
    device_name: str,
    device: dict[str, Any],
    model: nn.Module,
    profile: Profile,
    *,
    settings: dict[str, Any] | None = None,
    levels: int | None = None,
    seconds: float = 0.6,
    energy: bool = False,
) -> dict[str, Any]:
    """The table of layer costs of ``model`` on a device.

    Args:
        device_name: the device's key in the configuration.
        device: its settings; ``energy`` among them says where joules come from.
        model: the dense network.
        profile: its profile.
        settings: of sampling (``min_channels``, ``round_to`` …): widths that plans can have are measured.
        levels: widths of each group, see :func:`edgeprune.measuring.layers.design.networks`. None measures three, and
            some networks between them; if the table misses those by more than :data:`FITS`, five.
        seconds: for each network, about: as it is and with the profiler, each.
        energy: whether the energy of each network is measured too, or estimated; a run of its own for each.

    Returns:
        dict: the table, ready for :func:`edgeprune.files.write_json`; :class:`edgeprune.sampling.table.CostTable`
        reads it.

    Raises:
        EdgepruneError: the network has several inputs, cannot be exported, or cannot be run on the device.
    """
    if len(profile.input_shapes) != 1:
        raise EdgepruneError(f"{profile.network} has several inputs, which ONNX files of this project do not have")
    machine = connect(device_name, device)
    problem, names = Problem(profile, **(settings or {})), [layer.name for layer in profile.layers]
    ours = {"seconds": seconds, "warmup": min(WARMUP, device.get("warmup", WARMUP)), "iterations": 1}
    arguments = options(device | ours | ({} if energy else {"energy": {"source": "none"}}))

    def timed(networks: Sequence[Mapping[str, int]]) -> list[dict[str, Any]]:
        return _timed(machine, model, profile, networks, arguments)

    networks, missed = design.networks(problem, levels or min(design.CHOICES)), None
    measured = timed(networks)
    if levels is None:
        finer = [widths for widths in design.networks(problem, design.LEVELS) if widths not in networks]
        checks, rest = finer[:CHECKS], finer[CHECKS:]
        found = timed(checks)
        _, times = _at_one_pace([*measured, *found], len(names))
        entries = assemble.grids(profile, networks, times[: len(networks)])
        missed = assemble.error(profile, entries, checks, times[len(networks) :])
        if missed is not None and missed > FITS:
            print(f"{device_name}: three widths miss others by {100 * missed:.1f} %, five are timed", file=sys.stderr)
            networks, measured, missed = networks + finer, measured + found + timed(rest), None
    pace, times = _at_one_pace(measured, len(names))
    table: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "device": device_name,
        "kind": device["kind"],
        "network": profile.network,
        "profile_digest": profile.digest,
        "runtime": "fp32",
        "threads": device.get("threads", 1),
        "protocol": {"networks": len(networks), "seconds": seconds, "clock": measured[0]["clock"], "missed": missed},
        "settings": dict(settings or {}),
        "dense_ms": pace,
        "networks": [{"widths": widths, "latency_ms": float(sum(ns)) / 1e6} for widths, ns in zip(networks, times)],
        "layers": assemble.grids(profile, networks, times),
        "energy": None,
        "reasons": {},
        "fingerprint": measured[0]["fingerprint"],
    }
    table["energy"], table["reasons"] = assemble.energy(profile, networks, times, measured, table["layers"])
    return table


def _timed(
    machine: Device,
    model: nn.Module,
    profile: Profile,
    networks: Sequence[Mapping[str, int]],
    arguments: Sequence[str],
) -> list[dict[str, Any]]:
    """What the device tells of each network, in turns with the dense one."""
    names, measured = [layer.name for layer in profile.layers], []
    with tempfile.TemporaryDirectory() as folder, untouched_random_state():
        torch.manual_seed(0)
        dense = _write(model, profile, profile.widths, names, Path(folder, "dense.onnx"))
        for start in range(0, len(networks), AT_A_TIME):
            part = networks[start : start + AT_A_TIME]
            files = [
                dense if widths == profile.widths else _write(model, profile, widths, names, Path(folder, f"{n}.onnx"))
                for n, widths in enumerate(part)
            ]
            skipped = 0 if files[0] == dense else 1  # the reference comes first; it is measured as a network once
            found = machine.run(["--layers", *([dense] * skipped), *files, *arguments])
            shared = {key: found[key] for key in ("clock", "fingerprint")}
            measured += [one | shared for one in found["models"][skipped:]]
            print(
                f"{profile.network}: {start + len(part)} of {len(networks)} networks timed", file=sys.stderr, flush=True
            )
    return measured


def _at_one_pace(measured: Sequence[Mapping[str, Any]], count: int) -> tuple[float, list[np.ndarray]]:
    """``(milliseconds of the dense network, nanoseconds of the layers of each network)``, all at the median pace."""
    pace = statistics.median(one["reference_ms"] for one in measured)
    return pace, [assemble.layer_times(one, pace / one["reference_ms"], count) for one in measured]


def _write(model: nn.Module, profile: Profile, widths: Mapping[str, int], names: Sequence[str], path: Path) -> Path:
    plan = Plan.make(profile, widths, method="grid")
    path.write_bytes(tagged(prune(model, plan), profile.input_shapes[0], names))
    return path
