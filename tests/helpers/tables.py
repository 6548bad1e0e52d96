"""Made-up tables of layer costs. No number here was measured."""

import json

from edgeprune.complexity import width
from edgeprune.sampling.table import FORMAT, VERSION, CostTable


def points(expr, profile, levels):
    """Some rising widths of an expression, the dense one last."""
    dense = width.evaluate(expr, profile.widths)
    return sorted({max(1, dense * k // levels) for k in range(1, levels + 1)})


def value(profile, cost, levels=4, device="board", energy=None):
    """A table's JSON object whose layers cost ``cost(layer, inputs, filters)`` nanoseconds at the measured widths."""
    layers = []
    for layer in profile.layers:
        xs, ys = points(layer.inp, profile, levels), points(layer.out, profile, levels)
        entry = {"name": layer.name, "inputs": xs, "filters": ys}
        entry["latency_ns"] = [[cost(layer, x, y) for y in ys] for x in xs]
        if energy:
            entry["energy_nj"] = [[ns * energy for ns in row] for row in entry["latency_ns"]]
        layers.append(entry)
    return {
        "format": FORMAT,
        "version": VERSION,
        "device": device,
        "kind": "local",
        "network": profile.network,
        "profile_digest": profile.digest,
        "runtime": "fp32",
        "threads": 1,
        "layers": layers,
        "energy": {"source": "estimated"} if energy else None,
        "reasons": {} if energy else {"energy": "no sensor"},
    }


def write(path, *args, **kwargs):
    path.write_text(json.dumps(value(*args, **kwargs)))
    return CostTable.load(path)


def products(layer, inputs, filters):
    """A cost that is bilinear in the widths, so that interpolation is exact: work and a little for being called."""
    return 500 + layer.positions * inputs * filters


def bumpy(layer, inputs, filters):
    """One that is not monotone: widths of an odd number of eighths are dear, as on a device with wide registers."""
    return products(layer, inputs, filters) * (3 if filters // 8 % 2 else 2)
