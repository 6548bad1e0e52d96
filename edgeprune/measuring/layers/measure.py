"""Make a device's table of layer costs: export the network at several widths, time its layers there."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.export.layer_tags import tagged
from edgeprune.measuring.devices import connect
from edgeprune.measuring.layers import assemble, design
from edgeprune.measuring.measure import options
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.table import FORMAT, VERSION
from edgeprune.surgery.prune import prune
from edgeprune.tracing.passes import untouched_random_state

#: Networks that go to the device at a time, beside the dense one, so that progress can be told and disks suffice.
AT_A_TIME = 5


def measure(
    device_name: str,
    device: dict[str, Any],
    model: nn.Module,
    profile: Profile,
    *,
    settings: dict[str, Any] | None = None,
    levels: int = design.LEVELS,
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
        levels: widths of each group, see :func:`edgeprune.measuring.layers.design.networks`.
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
    networks = design.networks(Problem(profile, **(settings or {})), levels)
    names, threads = [layer.name for layer in profile.layers], device.get("threads", 1)
    ours = {"seconds": seconds, "warmup": min(10, device.get("warmup", 10)), "iterations": 1}
    arguments = options(device | ours | ({} if energy else {"energy": {"source": "none"}}))
    measured, references = [], []
    with tempfile.TemporaryDirectory() as folder, untouched_random_state():
        torch.manual_seed(0)
        dense = _write(model, profile, networks[0], names, Path(folder, "dense.onnx"))
        for start in range(0, len(networks), AT_A_TIME):
            part = networks[start : start + AT_A_TIME]
            files = [
                dense if widths == networks[0] else _write(model, profile, widths, names, Path(folder, f"{n}.onnx"))
                for n, widths in enumerate(part)
            ]
            skipped = 0 if start == 0 else 1  # the reference comes first; it is measured as a network once
            found = machine.run(["--layers", *([dense] * skipped), *files, *arguments])
            measured += found["models"][skipped:]
            references.append(found["reference_ms"])
            done = start + len(part)
            print(f"{device_name}: {done} of {len(networks)} networks timed", file=sys.stderr, flush=True)
    pace = sorted(references)[len(references) // 2]
    times = [assemble.layer_times(one, pace / one["reference_ms"], len(names)) for one in measured]
    table: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "device": device_name,
        "kind": device["kind"],
        "network": profile.network,
        "profile_digest": profile.digest,
        "runtime": "fp32",
        "threads": threads,
        "protocol": {"levels": levels, "networks": len(networks), "seconds": seconds, "clock": found["clock"]},
        "settings": dict(settings or {}),
        "dense_ms": pace,
        "networks": [{"widths": widths, "latency_ms": float(sum(ns)) / 1e6} for widths, ns in zip(networks, times)],
        "layers": assemble.grids(profile, networks, times),
        "energy": None,
        "reasons": {},
        "fingerprint": found["fingerprint"],
    }
    table["energy"], table["reasons"] = assemble.energy(profile, networks, times, measured, table["layers"])
    return table


def _write(model: nn.Module, profile: Profile, widths: Mapping[str, int], names: Sequence[str], path: Path) -> Path:
    plan = Plan.make(profile, widths, method="grid")
    path.write_bytes(tagged(prune(model, plan), profile.input_shapes[0], names))
    return path
