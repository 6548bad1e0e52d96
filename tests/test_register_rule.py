"""``edgeprune.register_rule``: an operator of the user's is pruned and counted; what is wrong about a rule is told."""

import subprocess
import sys

import pytest
import torch

import edgeprune
from edgeprune.errors import EdgepruneError
from edgeprune.networks.resolve import build
from edgeprune.provenance.sources import digests
from edgeprune.tracing import registry
from edgeprune.tracing.counting import MacCounter

OPERATORS = '''
import torch
from torch import nn
import edgeprune


@torch.library.custom_op("own::mix", mutates_args=())
def mix(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A 1 x 1 convolution."""
    return torch.einsum("nihw,oi->nohw", x, weight)


@mix.register_fake
def _(x, weight):
    return x.new_empty(x.shape[0], weight.shape[0], *x.shape[2:])


def backward(ctx, gradient):
    x, weight = ctx.saved_tensors
    return torch.einsum("nohw,oi->nihw", gradient, weight), torch.einsum("nohw,nihw->oi", gradient, x)


mix.register_autograd(backward, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))


@torch.library.custom_op("own::softmax", mutates_args=())
def halves(x: torch.Tensor) -> torch.Tensor:
    return x[:, ::2].clone()


@halves.register_fake
def _(x):
    return x.new_empty(x.shape[0], x.shape[1] // 2, *x.shape[2:])
'''
RULE = """
@edgeprune.register_rule("own::mix", macs=lambda args, out: out.numel() * args[1].shape[1])
def mixing(tracer, call):
    x, weight = call.args
    X, W = tracer.dims(x), tracer.dims(weight)
    tracer.widths.unify(X[1], W[1], "input of own::mix")
    tracer.label(call.out, [X[0], W[0], *X[2:]])
    tracer.layer(weight, call.out.numel() // weight.shape[0])
"""
NET = """
from torch import nn
from ownops import halves, mix
import torch


class Net(nn.Module):
    def __init__(self, num_classes=10, in_channels=3):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 16, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(8, 16))
        self.last = nn.Conv2d(8, 12, 1)
        self.head = nn.Linear(12, num_classes)

    def forward(self, x):
        return self.head(self.last(mix(self.first(x), self.weight).relu()).mean((2, 3)))


class Halved(nn.Sequential):
    def forward(self, x):
        return self[1](halves(self[0](x)))


def halved():
    return Halved(nn.Conv2d(3, 16, 1), nn.Conv2d(8, 10, 1))
"""
MINE = "\n@edgeprune.register_rule({})\ndef mine(tracer, call):\n    pass\n"
IMAGE = (3, 6, 6)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's folder: operators, and the networks that use them; afterwards our rules only."""
    rules, counts = dict(registry.RULES), dict(registry.COUNTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ownops.py").write_text(OPERATORS)
    (tmp_path / "net.py").write_text(NET)
    yield tmp_path
    for table, before in ((registry.RULES, rules), (registry.COUNTS, counts)):
        table.clear()
        table.update(before)
    sys.modules.pop("ownops", None)


def written(folder, rule):
    """The network, its operators' file with ``rule`` below."""
    (folder / "ownops.py").write_text(OPERATORS + rule)
    return build("net.py:Net")


def test_without_a_rule_the_operator_keeps_its_layers_and_its_macs_are_missing(folder):
    profile = edgeprune.profile(build("net.py:Net"), IMAGE)
    assert "no rule for the operator (own.mix at net.py:" in profile.frozen["first"]
    assert any("MACs are not counted" in note for note in profile.notes)
    assert "weight" not in {layer.name for layer in profile.layers}


def test_with_one_its_weights_are_a_layer_pruned_and_counted(folder):
    model = written(folder, RULE)
    profile = edgeprune.profile(model, IMAGE)
    assert list(profile.widths) == ["first", "weight", "last"]
    assert not profile.notes
    row = next(row for row in profile.layer_table() if row["layer"] == "weight")
    assert (row["kind"], row["params"], row["macs"]) == ("linear", 8 * 16, 8 * 16 * 36)
    small = edgeprune.prune(model, edgeprune.sample(profile, "FA", 0.5), weights="keep")
    assert small.weight.shape == (small.last.in_channels, small.first.out_channels)
    small(torch.zeros(2, *IMAGE)).sum().backward()
    counter = MacCounter()
    with torch.no_grad(), counter:
        small.to("meta")(torch.empty(1, *IMAGE, device="meta"))
    plan = edgeprune.sample(profile, "FA", 0.5)
    assert counter.macs == plan.totals["macs"] < profile.totals["macs"]


def test_surviving_channels_compute_what_they_did(folder):
    model = written(folder, RULE).double()
    profile = edgeprune.profile(model, IMAGE)
    with torch.no_grad():
        model.last.weight[:, 5:] = 0
        model.weight[:, 9:] = 0
    plan = edgeprune.sampling.plan.Plan.make(profile, {"weight": 5, "first": 9}, method="chosen")
    small = edgeprune.prune(model, plan, weights="keep")
    x = torch.randn(2, *IMAGE, dtype=torch.float64)
    assert torch.allclose(small(x), model(x), atol=1e-12)


def test_an_operator_of_a_library_is_not_torchs_of_that_name(folder):
    build("net.py:Net")
    frozen = edgeprune.profile(build("net.py:halved"), IMAGE).frozen
    assert "no rule for the operator (own.softmax" in frozen["0"]


def test_a_file_may_be_loaded_again(folder):
    written(folder, RULE)
    sys.modules.pop("ownops")
    assert edgeprune.profile(written(folder, RULE), IMAGE).widths


def refusal(folder, rule):
    with pytest.raises(EdgepruneError) as caught:
        edgeprune.profile(written(folder, rule), IMAGE)
    return str(caught.value)


def test_a_second_rule_is_refused(folder):
    error = refusal(folder, RULE + RULE.replace("mixing", "another"))
    assert "own::mix" in error
    assert "has a rule already, at ownops.py:" in error
    error = refusal(folder, MINE.format('"convolution"'))
    assert "ownops.py: convolution: has a rule already, at " in error
    assert "rules/convolution.py:" in error
    error = refusal(folder, MINE.format('"aten::relu"'))
    assert "element by element" in error


@pytest.mark.parametrize("name", ['"own::mixx"', '"nowhere::mix"', '"cumprodd"', "mix", '"a::b::c"', '""'])
def test_a_wrong_name_is_refused(folder, name):
    error = refusal(folder, MINE.format(name))
    assert "ownops.py: " in error
    assert "there is no operator" in error
    assert ("did you mean" in error) == (name in ('"own::mixx"', '"nowhere::mix"', '"cumprodd"'))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (RULE.replace("call.args\n", "call.argz\n"), "own::mix: the rule at ownops.py:"),
        (RULE.replace("call.args\n", "call.args, 1\n"), "AttributeError"),
        (RULE.replace("X[1], W[1]", "X[1], W[0]"), "16 and 8 channels"),
        (RULE.replace("args[1].shape[1]", "args[2].shape[1]"), "own::mix: the count of MACs at ownops.py:"),
        (RULE.replace("    tracer.label(", "    (lambda *_: None)("), "leaves a result without a label"),
        (RULE.replace("[X[0], ", "["), "unexpected number of dimensions"),
        (RULE.replace("    tracer.layer(", "    (lambda *_: None)("), "writes down 0 MACs, `macs` counts 4,608"),
    ],
)
def test_a_rule_that_is_wrong_is_told_with_operator_and_file(folder, rule, words):
    error = refusal(folder, rule)
    assert words in error
    assert "ownops.py" in error
    assert "own::mix" in error


def test_a_rule_that_says_what_is_not_so_is_found_out(folder):
    """That the filters follow the input: the shrunk copy shows that they do not."""
    wrong = MINE.format('"own::softmax"').replace("pass", "tracer.label(call.out, tracer.dims(call.args[0]))")
    (folder / "ownops.py").write_text(OPERATORS + wrong)
    with pytest.raises(EdgepruneError, match=r"own::softmax: the rule at ownops\.py:\d+ labels a dimension of 8 as"):
        edgeprune.profile(build("net.py:halved"), IMAGE)


def test_an_operator_without_shapes_is_told_what_it_needs(folder):
    (folder / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        '@torch.library.custom_op("own::bare", mutates_args=())\n'
        "def bare(x: torch.Tensor) -> torch.Tensor:\n    return x.clone()\n"
        "class Bare(nn.Module):\n    def forward(self, x):\n        return bare(x)\n"
        "def net():\n    return nn.Sequential(nn.Conv2d(3, 8, 1), Bare())\n"
    )
    with pytest.raises(EdgepruneError, match=r"own.bare at net.py:8(.|\n)*register_fake"):
        edgeprune.profile(build("net.py:net"), IMAGE)


def test_jobs_find_the_rule_and_depend_on_its_file(folder):
    """Each job builds the network first, and so imports the file of its rule; that file is among the job's sources."""
    written(folder, RULE)
    code = "from edgeprune.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    for words in (
        ["profile", "net.py:Net", "--input", "3x6x6", "--out", "profile.json"],
        ["sample", "profile.json", "--mode", "FA", "--target", "0.5", "--out", "plan.json"],
        ["prune", "net.py:Net", "plan.json", "--input", "3x6x6", "--out", "small.pt"],
    ):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert edgeprune.load("small.pt").weight.shape[1] < 16
    assert {name.partition("@")[0] for name in digests("net.py:Net")} >= {"net.py", "ownops.py"}
