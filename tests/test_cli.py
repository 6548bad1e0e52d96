"""The command line and the script, run as users run them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgeprune
from edgeprune.cli import main
from edgeprune.commands import tables
from edgeprune.sampling.plan import Plan
from edgeprune.sampling.sample import sample
from helpers.profiles import resnet50, vgg16

ROOT = Path(__file__).parent.parent
NETWORK = """
import torch
from torch import nn

def small(num_classes=10, width=16):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(2 * width, num_classes),
    )
"""


@pytest.fixture(scope="module")
def profile_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("profile") / "profile.json"
    vgg16().save(path)
    return path


@pytest.fixture(scope="module")
def plan_files(tmp_path_factory):
    folder, files = tmp_path_factory.mktemp("plans"), []
    for mode in ("PA", "FA"):
        files.append(folder / f"{mode}.json")
        sample(vgg16(), mode, 0.5, 0).save(files[-1])
    return files


def test_script_needs_neither_torch_nor_pandas(profile_file, tmp_path):
    code = (
        "import runpy, sys\n"
        "try:\n    runpy.run_path('scripts/sample_plan.py', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'snakemake', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    out = tmp_path / "plan.json"
    words = ["--profile", profile_file, "--method", "complexity", "--mode", "FA", "--target", "0.5", "--seed", "3"]
    settings = ["--settings", json.dumps({"protect": ["conv1"], "round_to": 2}), "--out", out]
    done = subprocess.run([sys.executable, "-c", code, *words, *settings], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "removed: params" in done.stderr
    assert Plan.load(out) == sample(vgg16(), "FA", 0.5, 3, protect=["conv1"], round_to=2)


def test_sampling_many_needs_neither_torch_nor_pandas(profile_file):
    code = (
        "import sys, edgeprune.sampling.sample as s\n"
        f"s.sample_many({str(profile_file)!r}, ['PA'], [0.5, 0.6], [0, 1])\n"
        f"s.sample({str(profile_file)!r}, budget={{'peak_memory': 0.9}})\n"
        "sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--mode", "FA", "--target", "0.999"], "can fall by at most"),
        (["--mode", "FA"], "target: None is not a number"),
        (["--settings", "{"], "--settings: is not JSON"),
        (["--settings", '{"colour": 1}'], "budget, prunable, min_channels, protect, round_to"),
    ],
)
def test_script_tells_users_errors(profile_file, tmp_path, words, told):
    command = [sys.executable, ROOT / "scripts/sample_plan.py", "--profile", profile_file, *words]
    done = subprocess.run([*command, "--out", tmp_path / "plan.json"], capture_output=True, text=True)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "plan.json").exists()


def test_sample_writes_what_the_function_returns(profile_file, tmp_path, capsys):
    out = tmp_path / "plan.json"
    words = ["--mode", "MA", "--target", "0.3", "--seed", "2", "--min-channels", "4", "--protect", "conv1?", "fc*"]
    assert main(["sample", str(profile_file), *words, "--out", str(out)]) == 0
    assert Plan.load(out) == sample(vgg16(), "MA", 0.3, 2, min_channels=4, protect=["conv1?", "fc*"])
    assert "MA 30% seed 2" in capsys.readouterr().out


def test_sample_takes_budgets(profile_file, tmp_path):
    out = tmp_path / "plan.json"
    assert main(["sample", str(profile_file), "--budget", "params=5e6", "macs=0.6", "--out", str(out)]) == 0
    assert Plan.load(out).budget == {"params": 5_000_000, "macs": 0.6}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--budget", "params=0.5", "--mode", "FA"], "--budget: cannot go with --mode"),
        (["--budget", "params"], "is not RESOURCE=AMOUNT"),
        (["--budget", "params=0.5", "params=0.4"], "is given twice"),
        (["--min-channels", "few"], "--min-channels: 'few' is not a number"),
        (["--target", "1.5"], "target: 1.5 is not between 0 and 1"),
        (["--method", "magic"], "method: unknown method 'magic'"),
        (["--draw", "lots"], "draw: unknown choice 'lots'"),
        (["--draw", "filters"], "'filters' (did you mean 'filter'?)"),
        (["--mode", "fa"], "'fa' (did you mean 'FA'?)"),
        (["--method", "unifrom"], "'unifrom' (did you mean 'uniform'?)"),
        (["--method", "dense", "--target", "0.5"], "--method dense: removes nothing, so --target is of no use"),
        (["--method", "dense", "--budget", "params=0.5"], "so --budget is of no use"),
        (["--min-channels", "10%"], "0.1 for 10 %"),
        (["--mode", "LA"], "(--table of a command)"),
        (["--round-to", "0"], "e.g. --round-to 1\n"),
    ],
)
def test_sample_tells_users_errors(profile_file, capsys, words, told):
    assert main(["sample", str(profile_file), *words]) == 1
    assert told in capsys.readouterr().err


def test_sample_and_show_tell_of_a_plans_health(profile_file, tmp_path, capsys):
    out, options = tmp_path / "plan.json", ["--mode", "MA", "--target", "0.7", "--round-to", "8"]
    assert main(["sample", str(profile_file), *options, "--out", str(out)]) == 0
    drawn = capsys.readouterr().out
    assert main(["show", str(out)]) == 0
    assert capsys.readouterr().out == drawn
    value, words = json.loads(out.read_text()), " ".join(drawn.split())
    thin = value["health"]["narrowest"]
    assert f"narrowest {value['health']['narrowest_kept']:.0%} {thin}" in words
    assert f"below limit, memory {100 * value['slack']['memory']:.2f} %" in words
    assert max(map(len, drawn.splitlines())) <= 100
    assert f"warning: {thin} keeps" in words


def test_show_prints_every_layer_of_every_plan(plan_files, capsys):
    assert main(["show", *map(str, plan_files)]) == 0
    lines = capsys.readouterr().out.splitlines()
    plans = [Plan.load(path) for path in plan_files]
    rows = {line.split()[0]: line.split() for line in lines if line.strip()}
    assert rows["layer"][2:7] == ["PA", "50%", "seed", "0", "FA"]
    for name, (dense, _) in plans[0].layers.items():
        kept = [str(plan.layers[name][1]) for plan in plans]
        assert rows[name][1] == str(dense)
        assert [word for word in rows[name][2:] if word.isdigit()] == kept
    assert f"{-100 * plans[0].reduction['params']:.1f}" in rows["params"]
    assert f"{-100 * plans[1].reduction['flops']:.1f}" in rows["flops"]


def test_show_prints_a_profile(profile_file, capsys):
    assert main(["show", str(profile_file)]) == 0
    out = capsys.readouterr().out
    assert "conv13" in out
    assert "15.2 M" in out


def test_show_draws_pictures(plan_files, tmp_path):
    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        out = tmp_path / f"plans{suffix}"
        assert main(["show", *map(str, plan_files), "--out", str(out)]) == 0
        assert out.read_bytes().startswith(magic)
    text = out.read_text()
    assert all(words in text for words in ("conv13", "PA 50% seed 0", "FA 50% seed 0", "dense", "filters kept"))
    for suffix in (".svg", ".pdf"):
        assert main(["show", *map(str, plan_files), "--out", str(tmp_path / f"again{suffix}")]) == 0
        assert (tmp_path / f"again{suffix}").read_bytes() == (tmp_path / f"plans{suffix}").read_bytes()
    pdf = (tmp_path / "plans.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"Date" not in pdf


def test_show_tells_users_errors(plan_files, profile_file, tmp_path, capsys):
    sample(resnet50(), method="dense").save(tmp_path / "other.json")
    for words, told in (
        ([str(plan_files[0]), str(tmp_path / "other.json")], "is a plan of another network (resnet50)"),
        ([str(plan_files[0]), "--out", str(tmp_path / "x.gif")], "is no picture format"),
        ([str(plan_files[0])] * 7 + ["--out", str(tmp_path / "x.png")], "too many"),
        ([str(profile_file), str(plan_files[0])], "a profile is shown alone"),
        ([str(tmp_path / "none.json")], "no such file"),
        ([str(tmp_path)], "is a folder"),
        ([str(plan_files[0] / "below")], "no such file"),
    ):
        assert main(["show", *words]) == 1
        assert told in capsys.readouterr().err


def test_what_is_read_is_not_written_over(tmp_path, capsys):
    (tmp_path / "net.py").write_text(NETWORK)
    vgg16().save(tmp_path / "profile.json")
    sample(vgg16()).save(tmp_path / "plan.json")
    (tmp_path / "link.json").symlink_to("profile.json")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    net, profile, plan, link = (str(tmp_path / name) for name in ("net.py", "profile.json", "plan.json", "link.json"))
    for command, out in (
        (["sample", profile], profile),
        (["sample", link], profile),
        (["profile", f"{net}:small"], net),
        (["prune", f"{net}:small", plan], plan),
        (["prune", f"{net}:small", plan], net),
    ):
        assert main([*command, "--out", out]) == 1
        assert "would be written over" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_totals_keep_to_three_digits_and_a_prefix():
    counts = {999: "999", 999_499: "999 k", 999_999: "1.00 M", 1_234_567: "1.23 M", 999_999_999: "1.00 G"}
    assert {count: tables.amount(count, "params") for count in counts} == counts
    assert tables.amount(999_999, "memory") == "1.00 MB"


def test_module_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "edgeprune", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(f"\n    {name}" in done.stdout for name in ("profile", "sample", "prune", "show"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "there is no network 'nowhere'"),
        (["nowhere.py:small"], "there is no file 'nowhere.py'"),
        (["{file}:tiny"], "has no 'tiny'"),
        (["{file}:small", "--input", "3,32"], "--input: '3,32' is not a shape"),
        (["{file}:small", "--args", "[1]"], "--args: '[1]' is not a JSON object"),
    ],
)
def test_profile_tells_users_errors(tmp_path, capsys, words, told):
    (tmp_path / "net.py").write_text(NETWORK)
    assert main(["profile", *[word.format(file=tmp_path / "net.py") for word in words]]) == 1
    assert told in capsys.readouterr().err


def test_from_a_users_file_to_a_pruned_checkpoint(tmp_path, capsys):
    (tmp_path / "net.py").write_text(NETWORK)
    profile, plan, out = (str(tmp_path / name) for name in ("profile.json", "plan.json", "pruned.pt"))
    net = [f"{tmp_path / 'net.py'}:small", "--input", "3x12x12", "--classes", "5", "--args", '{"width": 24}']
    assert main(["profile", *net, "--out", profile]) == 0
    assert main(["sample", profile, "--mode", "PA", "--target", "0.4", "--out", plan]) == 0
    assert main(["prune", *net, plan, "--out", out]) == 0
    import torch

    drawn, saved = Plan.load(plan), torch.load(out, weights_only=True)
    assert drawn.network == "small"
    assert saved["plan"] == drawn.to_json()
    assert saved["factory"]["args"] == {"width": 24}
    running = {"running_mean", "running_var", "num_batches_tracked"}
    parameters = {k: v for k, v in saved["state_dict"].items() if k.rpartition(".")[2] not in running}
    assert sum(v.numel() for v in parameters.values()) == drawn.totals["params"]
    small = edgeprune.load(out)
    assert not small.training
    assert small(torch.zeros(2, 3, 12, 12)).shape == (2, 5)
    assert all(torch.equal(tensor, saved["state_dict"][name]) for name, tensor in small.state_dict().items())
    weight = saved["state_dict"]["3.weight"]
    assert weight.shape[0] == drawn.layers["3"][1] < 48
    assert main(["prune", *net, plan, "--out", out]) == 0  # the same seed, the same weights
    assert torch.equal(torch.load(out, weights_only=True)["state_dict"]["3.weight"], weight)
    capsys.readouterr()
    assert main(["prune", *net[:3], plan, "--out", out]) == 1
    assert "drawn for another network" in capsys.readouterr().err


TWO_INPUTS = """
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self, in_channels=3, input_size=32):
        super().__init__()
        self.size = input_size
        self.image, self.mask = nn.Conv2d(in_channels, 16, 3, padding=1), nn.Conv2d(1, 16, 3, padding=1)
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, image, mask):
        return self.head(torch.relu(self.image(image) + self.mask(mask)))
"""


def test_a_checkpoint_holds_what_its_factory_was_told(tmp_path, capsys):
    """Channels and size come from --input, of which there may be several."""
    import torch

    (tmp_path / "two.py").write_text(TWO_INPUTS)
    profile, plan, out = (str(tmp_path / name) for name in ("profile.json", "plan.json", "pruned.pt"))
    net = [f"{tmp_path / 'two.py'}:Two", "--input", "2x8x6", "--input", "1x8x6"]
    assert main(["profile", *net, "--out", profile]) == 0
    assert main(["sample", profile, "--out", plan]) == 0
    assert main(["prune", *net, plan, "--out", out]) == 0
    small = edgeprune.load(out)
    assert (small.image.in_channels, small.size) == (2, (8, 6))
    assert small.image.out_channels == small.mask.out_channels == Plan.load(plan).layers["image"][1] < 16
    assert small(torch.zeros(1, 2, 8, 6), torch.zeros(1, 1, 8, 6)).shape == (1, 4, 8, 6)
