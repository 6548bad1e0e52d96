"""From times of operators in some networks to a table: each layer's cost over its grid of widths."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from edgeprune.complexity import width
from edgeprune.complexity.profile import Profile
from edgeprune.export.layer_tags import layer_of
from edgeprune.sampling.predicted_latency import latency
from edgeprune.sampling.table import CostTable, LayerCosts


def layer_times(model: Mapping[str, Any], scale: float, count: int) -> np.ndarray:
    """Nanoseconds of each layer in one network, the operators after it included; they sum up to its latency.

    Args:
        model: one of ``models`` of the stand-alone program's answer.
        scale: what the device's pace at that time has to be multiplied by.
        count: number of layers.

    The profiler's times are brought to that latency in proportion: it has the runtime's work between operators too.
    """
    times, last = np.zeros(count), 0
    for name, _, us in model["nodes"]:
        marked = layer_of(name)
        last = last if marked is None else marked
        times[last] += us
    return times * (1e6 * model["ms"] * scale / times.sum())


def energy(
    profile: Profile,
    networks: Sequence[Mapping[str, int]],
    times: Sequence[np.ndarray],
    measured: Sequence[Mapping[str, Any]],
    layers: list[dict[str, Any]],
) -> tuple[dict[str, str] | None, dict[str, str]]:
    """Nanojoules of each layer, as ``energy_nj`` into ``layers``; ``(energy, reasons)`` of the table.

    A sensor sees a whole network: its energy is split over the layers by their time. An estimate is CPU time times the
    power that the device's settings state.
    """
    sources = {one["energy_source"] for one in measured}
    if len(sources) != 1 or None in sources:
        told = next(
            (one["energy_reason"] for one in measured if one["energy_reason"]), "it was not measured throughout"
        )
        return None, {"energy": told}
    (source,) = sources
    if source == "estimated":
        watts = float(np.median([one["energy_mj"] / one["ms"] for one in measured]))  # mJ in a ms
        joules = [watts * found for found in times]
    else:
        joules = [1e6 * one["energy_mj"] * found / found.sum() for one, found in zip(measured, times)]  # mJ are 1e6 nJ
    for layer, other in zip(layers, grids(profile, networks, joules, "energy_nj")):
        layer["energy_nj"] = other["energy_nj"]
    return {"source": source, "split": "by time"}, {}


def grids(
    profile: Profile, networks: Sequence[Mapping[str, int]], times: Sequence[np.ndarray], key: str = "latency_ns"
) -> list[dict[str, Any]]:
    """The ``layers`` of a table.

    Args:
        profile: the network's profile.
        networks: ``{group: units}`` of each network measured.
        times: for each of them an array with nanoseconds (or nanojoules) of each layer.
        key: what the numbers are called in a layer's entry.

    Each layer's grid has the widths it was seen at. Where it was not seen at all pairs of them (its inputs are several
    groups put together), ``a + b * inputs + c * filters + d * inputs * filters`` is fitted and the grid has its corners
    only; ``fitted`` then holds the mean relative error of the fit.
    """
    table = []
    for n, layer in enumerate(profile.layers):
        seen = {}
        for widths, found in zip(networks, times):
            place = width.evaluate(layer.inp, widths), width.evaluate(layer.out, widths)
            seen.setdefault(place, []).append(found[n])
        mean = {place: sum(values) / len(values) for place, values in seen.items()}
        xs, ys = (sorted({place[k] for place in mean}) for k in (0, 1))
        entry: dict[str, Any] = {"name": layer.name, "inputs": xs, "filters": ys}
        if len(mean) == len(xs) * len(ys):
            grid = [[mean[x, y] for y in ys] for x in xs]
        else:
            entry["inputs"], entry["filters"], grid, entry["fitted"] = _fitted(mean, xs, ys)
        entry[key] = [[max(1, round(float(v))) for v in row] for row in grid]
        table.append(entry)
    return table


def error(
    profile: Profile,
    layers: Sequence[Mapping[str, Any]],
    networks: Sequence[Mapping[str, int]],
    times: Sequence[np.ndarray],
) -> float | None:
    """By how much of their latency ``layers``, of :func:`grids`, miss other networks: mean, absolute; None of none."""
    kept = [{key: value for key, value in entry.items() if key != "fitted"} for entry in layers]
    table = CostTable("", profile.network, profile.digest, tuple(msgspec.convert(kept, tuple[LayerCosts, ...])))
    missed = [abs(1e6 * latency(profile, table, widths) / ns.sum() - 1) for widths, ns in zip(networks, times)]
    return float(np.mean(missed)) if missed else None


def _fitted(
    mean: Mapping[tuple[int, int], float], xs: list[int], ys: list[int]
) -> tuple[list[int], list[int], list[list[float]], float]:
    places, values = np.array(list(mean), dtype=float), np.array(list(mean.values()))
    top = places.max(axis=0)

    def terms(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        x, y = x / top[0], y / top[1]
        return np.stack([np.ones_like(x), x, y, x * y], axis=-1)

    # relative errors count, and among many fits (few points, all on a line) the smallest coefficients are taken
    rows = terms(places[:, 0], places[:, 1])
    solution = np.linalg.lstsq(rows / values[:, None], np.ones(len(values)), rcond=None)[0]
    error = float(np.mean(np.abs(rows @ solution - values) / values))
    xs, ys = (sorted({axis[0], axis[-1]}) for axis in (xs, ys))
    least = values.min()
    grid = [[max(least, float(terms(np.array(float(x)), np.array(float(y))) @ solution)) for y in ys] for x in xs]
    return xs, ys, grid, error
