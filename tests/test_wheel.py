"""The wheel and the sdist: built, installed into empty environments, and every command run away from the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import edgeprune
from edgeprune import cli
from edgeprune.commands.new import WORKFLOW
from edgeprune.config.load import effective, read_yaml
from edgeprune.provenance.sources import digests
from helpers import synthetic_runs
from helpers import workflow as tiny
from helpers.workflow import ROOT, Workspace
from test_cli import NETWORK
from test_measuring import write_model

#: Of what git knows, what the sdist leaves out: records of results, and what only the repository needs.
LEFT_OUT = re.compile(r"\.ci/|\.github/|\.dvc/bundled/|results/|dvc\.lock$|\.pre-commit")
UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
RUNNING = "{}.{}".format(*sys.version_info)
TINY = ["tiny", "--input", "1x12x12", "--args", '{"width": 8}']
RECOMMEND = ["recommend", "--results", "results/demo", "--device", "board", "--latency", "4.5ms"]
ANY_CHANNELS = NETWORK.replace("def small(", "def small(in_channels=3, ").replace("Conv2d(3", "Conv2d(in_channels")
#: Whose a commit is, for git.
WHO = {f"GIT_{role}_{what}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
#: Every command: its words, and the extra that it names where there is none; None if it needs none.
COMMANDS = [
    (["sample", "profile.json", "--out", "drawn.json"], None),
    (["show", "profile.json"], None),
    (["show", "plan.json"], None),
    (["show", "plan.json", "--out", "plan.svg"], "report"),
    (["profile", *TINY, "--out", "again.json"], "train"),
    (["profile", "torchvision.models:resnet18"], "train"),
    (["prune", *TINY, "plan.json", "--out", "small.pt"], "train"),
    (RECOMMEND, None),
    ([*RECOMMEND, "--config", "closer.yaml"], "pipeline"),
    (["remeasure", "--results", "results/demo"], None),
    (["runtimes"], None),
    (["new", "made"], "pipeline"),
    (["doctor"], None),
]


def run(*command, cwd, **environment):
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, env=inherited | environment, check=False)


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Without what earlier builds left, which setuptools would pack again."""
    return Workspace(tmp_path_factory.mktemp("checkout")).root


@pytest.fixture(scope="module")
def dist(checkout, tmp_path_factory):
    """``(wheel, sdist)``; the wheel is built from the sdist, both with the setuptools of this environment."""
    if not UV:
        pytest.skip("uv, which builds and installs here, is not installed")
    out = tmp_path_factory.mktemp("dist")
    words = ["--no-build-isolation", "--offline", "--python", sys.executable, "-o", out]
    succeed(UV, "build", *words, checkout, cwd=out)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


@pytest.fixture(scope="module", params=["3.11", "3.13"])
def bare(dist, request, tmp_path_factory):
    """The ``bin`` folder of an environment with the wheel and what it requires, no extras."""
    folder = tmp_path_factory.mktemp("bare") / request.param
    made = run(UV, "venv", "--python", interpreter(request.param), folder, cwd=folder.parent)
    if made.returncode:
        pytest.skip(f"there is no Python {request.param} here: {made.stderr.strip().splitlines()[-1]}")
    install = [UV, "pip", "install", "--python", folder / "bin" / "python", "-c", ROOT / "requirements.txt", dist[0]]
    done = run(*install, "--offline", cwd=folder)  # from uv's cache
    if done.returncode and (done := run(*install, cwd=folder)).returncode:
        pytest.skip(f"numpy and scipy cannot be had for Python {request.param}: {done.stderr[-300:]}")
    return folder / "bin"


def interpreter(version):
    """A Python of that version; the version itself, for uv to get one, where there is none."""
    if version == RUNNING:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    known = [*sorted(pyenv.glob(f"versions/{version}.*/bin/python")), shutil.which(f"python{version}")]
    return next((python for python in known if python and not run(python, "-c", "", cwd="/").returncode), version)


@pytest.fixture(scope="module")
def everything(dist, tmp_path_factory):
    """``PYTHONPATH`` to the wheel, for this Python, which has all packages."""
    folder = tmp_path_factory.mktemp("unpacked")
    succeed(UV, "pip", "install", "--offline", "--no-deps", "--python", sys.executable, "--target", folder, dist[0],
            cwd=folder)  # fmt: skip
    return {"PYTHONPATH": str(folder)}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A user's folder: a network with a name, its profile and a plan, and made-up results."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(ANY_CHANNELS)
    config = read_yaml(ROOT / "config.yaml")
    config["networks"]["tiny"] = {"factory": "net.py:small"}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(["profile", *TINY, "--out", "profile.json"]) == 0
    assert cli.main(["sample", "profile.json", "--out", "plan.json"]) == 0
    synthetic_runs.grid(tmp_path / "results/demo", places=[("board", "fp32")])
    Path("presets").mkdir()
    grid = read_yaml(ROOT / "presets/quick.yaml") | {"pairs": [{"network": "vgg8", "dataset": "digits"}]}
    Path("presets/quick.yaml").write_text(yaml.safe_dump(grid))
    Path("results/demo/config.yaml").write_text(yaml.safe_dump(effective(tmp_path)))
    return tmp_path


def test_the_commands_below_are_all():
    (commands,) = [a for a in cli.parser()._actions if a.dest == "command"]
    needs_a_checkout = {"calibrate", "fit"}
    assert {words[0] for words, _ in COMMANDS} | needs_a_checkout == set(commands.choices)


def test_the_wheel_holds_the_package_and_the_sdist_what_its_tests_need(checkout, dist):
    wheel, sdist = dist
    tracked = set(filter(None, Workspace._git(checkout, "ls-files").split("\n")))
    package = {
        name
        for name in tracked
        if name.startswith(("edgeprune/", "snakeledger/", "snakemake_logger_plugin_edgeprune/"))
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    workflow = {name for name in tracked if name.startswith(WORKFLOW)}
    assert packed == package | {f"edgeprune/workflow/{name}" for name in workflow}
    assert "edgeprune/config/config.schema.yaml" in packed
    with tarfile.open(sdist) as archive:
        inside = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert {name for name in tracked - inside if not LEFT_OUT.match(name)} == set()


def test_without_extras_a_command_works_or_names_the_extra(bare, project):
    for words, extra in COMMANDS:
        done = run(bare / "edgeprune", *words, cwd=project)
        assert "Traceback" not in done.stderr, words
        told = re.findall(r"error: the (\w+) package is not installed\n  remedy: (.*)", done.stderr)
        if extra is None:
            assert (done.returncode, told) == (0, []), (words, done.stderr)
            assert done.stdout.strip()
        else:
            assert done.returncode == 1
            assert [remedy for _, remedy in told] == [f"pip install 'edgeprune[{extra}]'"], (words, done.stderr)


def test_without_extras_the_public_functions_name_theirs(bare, tmp_path):
    code = """
import edgeprune
for name in edgeprune.__all__:
    try:
        getattr(edgeprune, name)
    except edgeprune.EdgepruneError as error:
        print(name, error.remedy)
"""
    told = succeed(bare / "python", "-c", code, cwd=tmp_path).splitlines()
    assert told == [f"{name} pip install 'edgeprune[train]'" for name in ("load", "profile", "prune")]


def test_digests_of_an_installed_package_are_the_checkouts_and_stop_at_it(bare, tmp_path):
    entries = ("edgeprune.training.run:run", "edgeprune.networks.vgg:vgg8", "numpy.linalg:norm")
    code = f"import json; from edgeprune.provenance.sources import digests; print(json.dumps(digests(*{entries})))"
    assert json.loads(succeed(bare / "python", "-c", code, cwd=tmp_path)) == digests(*entries)


def test_the_program_runs_as_a_module(bare, everything, tmp_path):
    model = write_model(tmp_path / "model.onnx", 4)
    words = [
        "-m",
        "edgeprune.measuring.standalone",
        "--model",
        model,
        "--json",
        "--seconds",
        "0.05",
        "--iterations",
        "5",
    ]
    done = run(bare / "python", *words, cwd=tmp_path)
    assert (done.returncode, "install numpy and onnxruntime" in done.stderr) == (4, True), done.stderr
    assert json.loads(succeed(sys.executable, *words, cwd=tmp_path, **everything))["latency_ms"]["p50"] > 0


def test_a_device_over_ssh_gets_the_installed_program(everything, tmp_path):
    """The client of this test runs the device's command on this machine."""
    (tmp_path / "ssh").write_text('#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n')
    (tmp_path / "ssh").chmod(0o755)
    write_model(tmp_path / "model.onnx", 4)
    code = f"""
import json
from pathlib import Path
from edgeprune.measuring.devices import connect
device = connect("board", {{"kind": "ssh", "host": "board", "python": {sys.executable!r}}})
print(json.dumps(device.run(["--model", Path("model.onnx"), "--seconds", "0.05", "--iterations", "5"])))
"""
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    value = json.loads(succeed(sys.executable, "-c", code, cwd=tmp_path, PATH=path, **everything))
    assert value["latency_ms"]["p50"] > 0


def test_with_everything_every_command_works(everything, project):
    """In one process: torch takes seconds to import."""
    code = f"""
from edgeprune import cli
assert cli.__file__.startswith({everything["PYTHONPATH"]!r})
for words in {[words for words, _ in COMMANDS]}:
    assert cli.main(words) == 0, words
"""
    succeed(sys.executable, "-c", code, cwd=project, **everything)
    for name in ("drawn.json", "plan.svg", "again.json", "small.pt", "closer.yaml"):
        assert (project / name).stat().st_size
    assert edgeprune.load("small.pt")


def test_a_project_is_made_from_the_wheel_and_is_whole(everything, tmp_path):
    def tool(*words, where=tmp_path / "a-project"):
        return run(sys.executable, "-m", *words, cwd=where, **everything, **WHO)

    made = tool("edgeprune", "new", "a-project", where=tmp_path)
    assert "under git and DVC. Go on there:\n  cd a-project\n" in made.stdout, made.stderr
    project = tmp_path / "a-project"
    (project / "nets").mkdir()
    for name, text in {"small": "from nets.layers import *\n", "layers": ANY_CHANNELS}.items():
        (project / "nets" / f"{name}.py").write_text(text)
    grid = {
        "networks": {"mine": {"factory": "nets.small:small"}},
        "recipes": {"mine": {"epochs": 1, "warmup_epochs": 0}},
    }
    grid |= {"pairs": [{"network": "mine", "dataset": "digits"}], "references": {"dense": {}}}
    (project / "presets/quick.yaml").write_text(yaml.safe_dump(tiny.TINY | grid))
    ran = tool("snakemake", "--cores", "2")
    assert "dvc: recorded in dvc.lock" in ran.stderr
    assert "dvc: nets/layers.py, nets/small.py not among the `deps`" in ran.stderr
    assert "up to date" in tool("dvc", "status").stdout

    elsewhere = project.rename(tmp_path / "elsewhere")  # nothing on record holds a path of this machine
    assert "Nothing to be done" in tool("snakemake", "-n", where=elsewhere).stdout
    with open(elsewhere / "nets/layers.py", "a") as file:
        file.write("# edited\n")
    planned = tool("snakemake", "-n", where=elsewhere)
    assert "rule train_network" in planned.stdout
    (elsewhere / "requirements.in").write_text("edgeprune==0.0.9\n")
    assert "the workflow is of edgeprune==0.0.9" in tool("snakemake", "-n", where=elsewhere).stderr
