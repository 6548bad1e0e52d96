"""``edgeprune explain``, what ``profile`` says of kept layers, and refusals that say what would help."""

import json

import pytest
import torch
from torch import nn

import edgeprune
from edgeprune.cli import main
from edgeprune.complexity import width
from edgeprune.errors import EdgepruneError
from edgeprune.tracing.explain import explain

NETWORK = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes=10, in_channels=3):
        super().__init__()
        self.stem = nn.Conv2d(in_channels, 16, 3, padding=1)
        self.deep = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.side = nn.Conv2d(16, 16, 1)
        self.held = nn.Conv2d(16, 32, 3, padding=1)
        self.after = nn.Conv2d(32, 8, 1)
        self.head = nn.Linear(8, num_classes)

    def forward(self, x):
        x = self.stem(x)
        x = self.deep(x) + x
        x = x + self.side(x)
        x = self.held(x).cumprod(1)
        return self.head(self.after(x).mean((2, 3)))
"""
IMAGE = (3, 8, 8)


@pytest.fixture
def network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "net.py").write_text(NETWORK)
    names = {}
    exec(compile(NETWORK, str(tmp_path / "net.py"), "exec"), names)
    return names["Net"]()


def test_groups_have_members_shares_and_what_couples_them(network):
    found = explain(network, IMAGE)
    first, second = found.groups
    assert (first.name, first.units, first.members) == ("stem", 16, ("stem", "deep", "side"))
    assert first.coupled_by == (
        "input of a depthwise convolution (aten.convolution at net.py:18)",
        "element-wise operation (aten.add at net.py:19)",
    )
    assert (second.name, second.members, second.coupled_by) == ("after", ("after",), ())
    rows = {row["layer"]: row for row in edgeprune.profile(network, IMAGE).layer_table()}
    for mode in ("PA", "FA", "MA"):
        assert first.shares[mode] == pytest.approx(sum(rows[n][f"share_{mode}"] for n in first.members))
        assert sum(g.shares[mode] for g in found.groups) + sum(k.shares[mode] for k in found.kept) == pytest.approx(1)


def test_a_kept_layer_would_gain_what_it_and_its_consumers_would_lose(network):
    """``held`` at a tenth of its 32 filters, 4: its own rows, and what ``after`` reads of them."""
    kept, output = explain(network, IMAGE).kept
    assert (kept.layers, output.layers) == (("held",), ("head",))
    assert kept.reason == "there is no rule for the operator (aten.cumprod at net.py:20)"
    assert "edgeprune.register_rule" in kept.help
    profile = edgeprune.profile(network, IMAGE)
    lost = 28 * (16 * 9 + 1) + 28 * 8
    assert kept.gains["PA"] == pytest.approx(lost / profile.totals["params"])
    assert kept.gains["MA"] == pytest.approx(28 * 64 * 4 / profile.totals["memory"])
    assert output.gains is None  # the task says how many outputs there are


def test_a_size_that_is_written_down_would_gain_too():
    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 16, 3, padding=1), nn.Linear(16 * 64, 10)

        def forward(self, x):
            return self.head(self.conv(x).view(-1, 1024))

    (kept, _) = explain(Written(), IMAGE).kept
    assert "a size is written down in the code (aten.view at " in kept.reason
    assert "flatten" in kept.help
    assert kept.gains["PA"] == pytest.approx(14 * (28 + 640) / (16 * 28 + 10250))


@pytest.mark.parametrize("make", ["resnet18", "mobilenet_v2", "googlenet", "shufflenet_v2_x0_5"])
def test_explaining_changes_no_profile_and_every_coupling_is_one(make):
    models = pytest.importorskip("torchvision.models")
    options = {"init_weights": False} if make == "googlenet" else {}
    with torch.device("meta"):
        model = getattr(models, make)(**options)
    found, profile = explain(model, (3, 64, 64)), edgeprune.profile(model, (3, 64, 64))
    assert found.profile.to_json() == profile.to_json()
    for group in found.groups:
        assert not group.coupled_by or len(group.members) > 1 or profile.count_only
        assert all(" at torchvision/models/" in by for by in group.coupled_by)
        if len(group.members) > 1 and not profile.count_only:
            assert group.coupled_by, group.name
    constant = {layer.name for layer in profile.layers if width.is_constant(layer.out)}
    assert {name for kept in found.kept for name in kept.layers} == constant


def test_the_command_fits_100_columns_and_has_json(network, capsys):
    words = ["explain", "net.py:Net", "--input", "3x8x8"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    for part in ("stem, deep, side", "(aten.add at net.py:19)", "(aten.cumprod at net.py:20)", "register_rule"):
        assert part in out
    assert main([*words, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [group["name"] for group in value["groups"]] == ["stem", "after"]
    assert value["kept"][0]["layers"] == ["held"]
    assert 0 < value["kept"][0]["gains"]["FA"] < 1


def test_profile_marks_kept_layers_and_says_what_they_hold(network, capsys):
    assert main(["profile", "net.py:Net", "--input", "3x8x8"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert lines["held"].endswith("kept")
    assert lines["head"].endswith("kept")
    assert not lines["stem"].endswith("kept")
    rows = [row for row in edgeprune.profile(network, IMAGE).layer_table() if row["layer"] in ("held", "head")]
    held = [f"{100 * sum(row[f'share_{mode}'] for row in rows):.1f} %" for mode in ("PA", "FA", "MA")]
    assert "kept layers hold {} of the parameters, {} of the FLOPs, {} of the memory".format(*held) in out


def test_a_refusal_says_what_would_help(network):
    with pytest.raises(EdgepruneError) as caught:
        edgeprune.sample(edgeprune.profile(network, IMAGE), "PA", 0.95)
    assert "layer held: there is no rule for the operator (aten.cumprod at net.py:20)" in caught.value.problem
    assert "edgeprune.register_rule" in caught.value.remedy
    assert "edgeprune explain" in caught.value.remedy
