"""Tables of layer costs: the widths that are measured, how operators find their layer, what the table holds."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

import edgeprune
from edgeprune.complexity import width
from edgeprune.errors import EdgepruneError
from edgeprune.export.layer_tags import layer_of, tagged
from edgeprune.measuring.layers import assemble, design
from edgeprune.measuring.layers.measure import measure
from edgeprune.measuring.program import FOLDER
from edgeprune.networks.mobilenet import mobilenetv2_small
from edgeprune.networks.resnet import resnet8
from edgeprune.networks.vgg import vgg8
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.table import CostTable, Measured
from helpers import tables
from helpers.profiles import ALL

torch.set_num_threads(1)
SHAPE = (1, 8, 8)


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "mobilenet_v2", "alexnet"])
@pytest.mark.parametrize("levels", [3, 5])
def test_each_layer_is_seen_at_every_pair_of_its_widths(network, levels):
    profile = ALL[network]()
    problem = Problem(profile, round_to=8)
    networks = design.networks(problem, levels)
    assert networks[0] == profile.widths
    assert len(networks) <= levels**2
    for i, group in enumerate(profile.groups):
        widths = sorted({n[group.name] for n in networks})
        assert (widths[0], widths[-1]) == (problem.floor[i], group.width)
        assert all(w % 8 == 0 or w == group.width for w in widths)
    for layer in profile.layers:
        seen = {(width.evaluate(layer.inp, n), width.evaluate(layer.out, n)) for n in networks}
        xs, ys = ({place[k] for place in seen} for k in (0, 1))
        assert len(seen) == len(xs) * len(ys), layer.name


def test_levels_must_be_a_small_prime():
    with pytest.raises(EdgepruneError) as caught:
        design.networks(Problem(ALL["vgg16"]()), 4)
    assert caught.value.key == "levels"


@pytest.mark.parametrize("factory", [vgg8, mobilenetv2_small, resnet8], ids=lambda f: f.__name__)
def test_every_operator_finds_its_layer_in_whatever_the_runtime_makes_of_it(factory, tmp_path):
    model = factory()
    profile = edgeprune.profile(model, SHAPE)
    names = [layer.name for layer in profile.layers]
    path = tmp_path / "model.onnx"
    path.write_bytes(tagged(model, SHAPE, names))
    found = run("--layers", path, "--seconds", "0.01")["models"][0]
    owners = [layer_of(name) for name, _, _ in found["nodes"]]
    weighted = [n for n, (_, op, _) in zip(owners, found["nodes"]) if "Conv" in op or "Gemm" in op or "MatMul" in op]
    assert sorted(weighted) == list(range(len(names)))
    for (name, op, _), owner in zip(found["nodes"], owners):
        assert owner is not None or op.startswith("Reorder"), (name, op)  # the runtime's own
    times = assemble.layer_times(found, 2.0, len(names))
    assert (times > 0).all()
    assert times.sum() == pytest.approx(2e6 * found["ms"])


def run(*arguments):
    done = subprocess.run([sys.executable, FOLDER, *map(str, arguments)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_tagged_names_a_layer_that_is_not_there():
    model = vgg8()
    names = [layer.name for layer in edgeprune.profile(model, SHAPE).layers]
    with torch.no_grad():
        model.features[0][0].weight.zero_()  # nothing to know it by
    with pytest.raises(EdgepruneError, match=names[0]):
        tagged(model, SHAPE, names)


def test_table_of_a_device(tmp_path):
    model = resnet8()
    profile = edgeprune.profile(model, SHAPE)
    device = {"kind": "local", "threads": 1, "warmup": 2, "energy": {"source": "estimated", "watts": 4.0}}
    table = measure("here", device, model, profile, settings={"round_to": 4}, levels=3, seconds=0.01, energy=True)
    path = tmp_path / "table.json"
    path.write_text(json.dumps(table))
    loaded, problem = CostTable.load(path), Problem(profile, round_to=4)
    assert len(table["networks"]) == 9
    assert table["networks"][0]["widths"] == profile.widths
    latency, energy = (Measured(profile, loaded, resource) for resource in ("latency", "energy"))
    for network in table["networks"]:
        w = [network["widths"][name] for name in problem.costs.names]
        # one thread's CPU time times 4 W; the rest of the CPU's time is not the model's
        assert energy(w) == pytest.approx(4 * latency(w), rel=0.01)
        assert network["latency_ms"] > 0
    assert table["protocol"]["clock"] == "CPU time"


def stairs(layer, x, y):
    """A runtime that works in blocks of 24 channels."""
    return tables.products(layer, x, -(-y // 24) * 24)


@pytest.mark.parametrize(("cost", "count"), [(tables.products, 9), (stairs, 25)])
def test_three_widths_are_measured_and_five_where_three_do_not_fit(monkeypatch, capsys, cost, count):
    profile, asked = ALL["vgg16"](), []

    def timed(machine, model, profile, networks, arguments):
        asked.extend(networks)
        found = []
        for widths in networks:
            ns = [
                cost(layer, width.evaluate(layer.inp, widths), width.evaluate(layer.out, widths))
                for layer in profile.layers
            ]
            nodes = [[f"layer{n}@", "Conv", value / 1e3] for n, value in enumerate(ns)]
            one = {"nodes": nodes, "ms": sum(ns) / 1e6, "reference_ms": 1.0, "clock": "CPU time", "fingerprint": {}}
            found.append(one | {"energy_mj": None, "energy_source": None, "energy_reason": "not asked for"})
        return found

    monkeypatch.setattr("edgeprune.measuring.layers.measure._timed", timed)
    monkeypatch.setattr("edgeprune.measuring.layers.assemble.layer_of", lambda name: int(name[5:-1]))
    table = measure("here", {"kind": "local"}, None, profile, settings={"round_to": 8})
    assert len(table["networks"]) == count
    assert len(asked) == (9 + 4 if count == 9 else count)
    assert len({tuple(widths.values()) for widths in asked}) == len(asked)  # none twice
    for layer, entry in zip(profile.layers, table["layers"]):
        for x, row in zip(entry["inputs"], entry["latency_ns"]):
            assert row == [pytest.approx(cost(layer, x, y), abs=1) for y in entry["filters"]]
    assert (table["protocol"]["missed"] is None) == (count > 9)
    assert ("three widths miss" in capsys.readouterr().err) == (count > 9)


def test_without_a_source_of_energy_the_reason_is_kept(tmp_path):
    profile = edgeprune.profile(vgg8(), SHAPE)
    device = {"kind": "local", "threads": 1, "warmup": 1, "energy": {"source": "none"}}
    table = measure("here", device, vgg8(), profile, levels=3, seconds=0.005, energy=True)
    assert table["energy"] is None
    assert table["reasons"]["energy"] == "not asked for"
    (tmp_path / "t.json").write_text(json.dumps(table))
    with pytest.raises(EdgepruneError, match="not asked for"):
        edgeprune.sample(profile, "EA", 0.1, table=tmp_path / "t.json")


def test_layers_not_seen_at_every_pair_are_fitted():
    """``mixed`` joins groups: its layers read sums of widths. A bilinear truth is found again."""
    profile = ALL["mixed"]()
    networks = design.networks(Problem(profile), 5)

    def truth(layer, widths):
        return tables.products(layer, width.evaluate(layer.inp, widths), width.evaluate(layer.out, widths))

    times = [np.array([float(truth(layer, widths)) for layer in profile.layers]) for widths in networks]
    entries = assemble.grids(profile, networks, times)
    fitted = [entry for entry in entries if "fitted" in entry]
    assert fitted
    for layer, entry in zip(profile.layers, entries):
        assert all(a < b for axis in ("inputs", "filters") for a, b in pairwise(entry[axis]))
        assert entry.get("fitted", 0) < 1e-6
        for x, row in zip(entry["inputs"], entry["latency_ns"]):
            for y, ns in zip(entry["filters"], row):
                if "fitted" not in entry or len(entry["inputs"]) * len(entry["filters"]) > 1:
                    assert ns == pytest.approx(tables.products(layer, x, y), rel=1e-3)
