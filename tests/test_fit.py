"""`edgeprune fit`: what a folder is taken for, what is asked, how it ends and what it refuses."""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from edgeprune import cli, profile
from edgeprune.commands import fit, workflow
from edgeprune.config.load import effective, read_yaml
from edgeprune.data.recognise import recognise
from edgeprune.data.targets import VOID
from edgeprune.errors import EdgepruneError
from edgeprune.networks.vgg import vgg8
from helpers import forked, readme
from helpers.imagefiles import dataset, picture, shapes, write_folder, zip_bytes
from snakemake_logger_plugin_edgeprune.progress import duration

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[1]
BARE = {name.removeprefix("train/"): content for name, content in dataset(train=15, test=0, size=(12, 12)).items()}
NETWORK = "edgeprune.networks.vgg:vgg8"


def mask(*values):
    stream = io.BytesIO()
    Image.fromarray(np.resize(np.array(values, np.uint8), (16, 16))).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("wrap", ["", "photos/"])
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (BARE, {"task": "classification", "test_fraction": 0.2}),
        (dataset(), {"task": "classification"}),
        (
            {f"{c}/{n}.png": picture(n, (16, 16)) if n else mask(3) for c in "ab" for n in range(2)},
            {"task": "classification", "test_fraction": 0.2, "channels": 3},
        ),
        (dataset(size=(300, 280)), {"task": "classification", "size": [64, 64], "channels": 3}),
        (shapes(train=4, test=2), {"task": "segmentation", "classes": ["class-0", "class-1"]}),
        (
            {"images/a.png": picture(0, (16, 16)), "masks/a.png": mask(0, 3)},
            {"task": "segmentation", "classes": [f"class-{n}" for n in range(4)], "test_fraction": 0.2},
        ),
        (
            {"train/a.png": picture(0), "train/annotations.json": b"{}", "test/b.png": picture(1)},
            {"task": "detection"},
        ),
        (
            {"a.png": picture(0, (40, 60)), "b.png": picture(1, (50, 30))},
            {"task": "denoising", "deploy_size": [30, 30], "channels": 3, "test_fraction": 0.2},
        ),
    ],
)
def test_a_layout_tells_the_task(tmp_path, files, expected, wrap):
    if wrap and not any("/" in name for name in files):
        return  # one folder of images may be one class
    place = tmp_path / "given.zip"
    place.write_bytes(zip_bytes(files, wrap))
    for path in (place, write_folder(tmp_path / "given", {wrap + name: content for name, content in files.items()})):
        settings, said = recognise(path)
        assert settings == {"source": "images", "path": str(path), "validation": {"fraction": 0.2}, **expected}
        assert any("validation" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.txt": b"no image"}, "holds no images"),
        ({"cat/a.png": picture(0), "dog/a.txt": b"no image"}, "holds images in one folder only, 'cat'"),
        ({"cat/a.png": b"broken", "dog/a.png": picture(0)}, "is not an image that can be read"),
        (
            {"images/a.png": picture(0), "images/b.png": picture(1), "masks/a.png": mask(0, 1)},
            "masks/b.png: --data: .*images/b.png has no mask",
        ),
        ({"images/a.png": picture(0), "masks/a.png": b"broken"}, "is not a whole image"),
        ({"images/a.png": picture(0), "masks/a.png": picture(0)}, "is no mask: its mode is RGB"),
        ({"images/a.png": picture(0), "masks/a.png": mask(0, VOID)}, "the only class in the masks is 0, since 255 is"),
    ],
)
def test_a_folder_that_is_no_data_is_refused(tmp_path, files, words):
    with pytest.raises(EdgepruneError, match=words) as caught:
        recognise(write_folder(tmp_path, files))
    assert caught.value.key == "--data"
    assert caught.value.file
    assert caught.value.remedy


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """The workflow's files, of which a test may write presets and results."""
    for path in (
        *map(ROOT.joinpath, ("rules", "scripts", "edgeprune", "report", "snakemake_logger_plugin_edgeprune")),
        *ROOT.glob("requirements*"),
    ):
        (tmp_path / path.name).symlink_to(path)
    for name in ("Snakefile", "config.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    text = (tmp_path / "config.yaml").read_text()
    gone = "  gone: {kind: ssh, host: 127.0.0.1, port: 9, connect_timeout: 1}\n"
    (tmp_path / "config.yaml").write_text(text.replace("\ndevices:\n", f"\nfigures: []\ndevices:\n{gone}"))
    (tmp_path / "presets").mkdir()
    write_folder(tmp_path / "photos", BARE)
    monkeypatch.chdir(tmp_path)
    environment, python = forked.environment(dict(os.environ))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "executable", str(python))
    return tmp_path


def ask(*more):
    return cli.main(["fit", NETWORK, "--data", "photos", *map(str, more)])


def test_from_a_folder_to_a_network(checkout, monkeypatch, capfd):
    """The README's command, network and folder, with fewer and shorter trainings."""
    Path("my_network.py").write_text(readme.network())
    (command,) = readme.commands("edgeprune fit")

    def ask(*more):
        return cli.main([*shlex.split(command)[1:], *map(str, more)])

    monkeypatch.setattr(fit, "TARGETS", [0.5])
    monkeypatch.setattr(fit, "SEEDS", [0])
    monkeypatch.setattr(fit, "SECONDS", 0.1)
    monkeypatch.setattr(fit, "FEWEST", 2)
    assert ask("--minutes", 0.1, "--latency", "1s") == 0
    first = capfd.readouterr()
    assert "30 images, for classification" in first.out
    assert "Using workflow specific profile" not in first.err
    assert "not among the `deps`" not in first.err
    assert "3 networks, 2 epochs each" in first.out
    assert (
        "edgeprune recommend --results results/my-network --dataset my-network-images --device local --latency 1s"
        in first.out
    )
    named = [line.split()[1] for line in first.out.splitlines() if line.startswith("  ONNX ")]
    assert len(named) == 1
    assert Path(named[0]).is_file()
    assert "train_network my-network/my-network-images/dense/seed-0" in first.err
    assert "rule train_network:" in Path(re.findall(r"^what Snakemake says: (.*)$", first.err, re.M)[1]).read_text()
    trained = {path: path.stat().st_mtime_ns for path in Path("results").rglob("model.pt")}
    assert len(trained) == 3
    assert Path("results/my-network/index.html").is_file()

    preset = read_yaml("presets/my-network.yaml")
    assert effective(checkout, {"preset": "my-network"})["recipes"]["my-network"]["epochs"] == 2
    assert ask("--minutes", 5, "--score", "1%") == 0  # other limits, the same results
    assert read_yaml("presets/my-network.yaml") == {
        **preset,
        "limits": {"device": "local", "latency": "5ms", "score": "1%"},
    }
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    said = capfd.readouterr().out
    assert "Going on with presets/my-network.yaml" in said
    assert "its 2 epochs stay, whatever --minutes says" in said

    assert ask("--latency", "0.001us") != 0
    assert "Nothing satisfies. Nearest is my-network" in capfd.readouterr().out
    assert ask("--size", "8x8") == 1
    said = capfd.readouterr().err
    assert "asks something else (datasets)" in said
    assert "or remove that file" in said
    assert read_yaml("presets/my-network.yaml")["limits"] == {"device": "local", "latency": "0.001us"}

    def planned():
        command = [sys.executable, "-m", "snakemake", "-n", "--config", "preset=my-network", "--", "fetch"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "rule fetch_dataset" not in planned()
    image = next(Path("photos").rglob("*.png"))
    shutil.copy(image, image.with_name("another.png"))  # changes no time of photos itself
    assert "rule fetch_dataset" in planned()


def test_which_figures_are_drawn_is_no_other_question(tmp_path):
    preset = {"recipes": {"mine": {"loss": "plain"}}, "targets": [0.5], "seeds": [0]}
    file, stored = tmp_path / "mine.yaml", {**preset, "recipes": {"mine": {"epochs": 5, "loss": "plain"}}}
    fit._write(file, {**stored, "figures": ["tradeoff"]})
    assert fit._stored(file, preset, "mine") == {**stored, "figures": ["tradeoff"]}
    fit._write(file, {**stored, "seeds": [1]})
    with pytest.raises(EdgepruneError, match=r"asks something else \(seeds\)"):
        fit._stored(file, preset, "mine")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--data", "nowhere"], "nowhere: --data: there is no such file or folder"),
        (["--size", "big"], "--size: 'big' is no size"),
        (["--device", "gone"], "127.0.0.1"),
        (["--name", "on"], "--name: 'on' cannot be a name"),
        (["--device", "pi"], "config.yaml: devices: there is no device 'pi'"),
        (["--name", "../x"], "--name: '../x' cannot be a name"),
        (["--minutes", "0"], "--minutes: 0 is not above 0"),
        (["--task", "dreaming"], "--task: there is no task 'dreaming'"),
        (["--args", "[]"], "--args"),
        (["--latency", "1ns"], "--latency: '1ns' has the unknown unit 'ns'"),
    ],
)
def test_bad_options_write_nothing(checkout, capsys, more, words):
    assert ask(*more) == 1
    assert words in capsys.readouterr().err
    assert not list(Path("presets").iterdir())
    assert not Path("x").exists()


def test_a_network_that_does_not_fit_leaves_no_preset(checkout, capfd):
    Path("vision.py").write_text(
        "from torch import nn\n\n\ndef build(num_classes):\n    return nn.Linear(7, num_classes)\n"
    )
    assert cli.main(["fit", "vision.py:build", "--data", "photos"]) == 1
    said = capfd.readouterr().err
    assert "profile_network vision/vision-images failed\n  error: " in said
    assert "    remedy: " in said
    assert "(--size of `edgeprune fit`)" in said
    assert "(--args of `edgeprune fit`)" in said
    assert "Using workflow specific profile" not in said
    assert not list(Path("presets").iterdir())
    assert cli.main(["fit", "vision.py:build", "--data", "photos"]) == 1
    assert "fetch_dataset" not in capfd.readouterr().err  # again: what is done stays


@pytest.mark.parametrize("limits", ["limits: {latency: 5ms}\n", "limits:\n  latency: 5ms\n  device: local\n", ""])
def test_other_limits_leave_the_users_comments(tmp_path, limits):
    file = tmp_path / "mine.yaml"
    file.write_text(f"# mine\ntitle: a  # to be found again\n{limits}seeds: [0]")
    fit._change_limits(file, {"score": "1%"})
    assert file.read_text() == "# mine\ntitle: a  # to be found again\nseeds: [0]\nlimits:\n  score: 1%\n"


def test_a_preset_of_ours_is_not_offered_to_be_removed(checkout, capsys):
    shutil.copy(ROOT / "presets/quick.yaml", "presets")
    assert ask("--name", "quick") == 1
    said = capsys.readouterr().err
    assert "remedy: give another --name" in said
    assert "remove" not in said


def test_too_few_images_leave_no_preset(checkout, capfd):
    for folder in Path("photos").iterdir():
        for path in sorted(folder.iterdir())[3:]:
            path.unlink()
    assert ask() == 1
    assert "--data: 2 images are left to train with, fewer than a batch of 16" in capfd.readouterr().err
    assert not list(Path("presets").iterdir())


class Half(nn.Module):
    """Its first layer, added to the input, has to stay as wide."""

    def __init__(self):
        super().__init__()
        self.fixed, self.free, self.head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 2)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(self.free(x + self.fixed(x)))


def test_what_a_network_can_lose_is_asked_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "profile_network" / "mine" / "mine-images" / "profile.json"
    place.parent.mkdir(parents=True)

    def reachable(model, shape=(1, 8, 8)):
        profile(model, shape).save(place)
        return fit._reachable(tmp_path, {"modes": ["FA"]}, "mine")

    assert reachable(vgg8()) == (8, [0.3, 0.5, 0.7], "")
    assert reachable(vgg8(width=0.25)) == (1, [0.3, 0.5, 0.7], f" {fit.NARROW}")
    step, targets, said = reachable(Half())
    assert (step, targets) == (1, [0.3])
    assert "Only 30 % less is tried: more cannot be reached by Half: flops can fall by at most" in said
    with pytest.raises(EdgepruneError, match="cannot be reached") as caught:
        reachable(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)))
    assert "edgeprune show profile_network/mine/mine-images/profile.json" in caught.value.remedy


def test_two_at_a_time(checkout, capsys):
    with fit._alone(checkout / "logs" / "fit.lock"):
        assert ask() == 1
    said = capsys.readouterr().err
    assert f"another `edgeprune fit` works in this folder: process {os.getpid()} on " in said
    assert re.search(r", since \d{4}-\d\d-\d\d \d\d:", said)
    assert not list(Path("presets").iterdir())


def test_a_signal_to_end_is_handed_on_and_the_workflow_waited_for(tmp_path):
    (tmp_path / "snakemake_logger_plugin_edgeprune.py").write_text(
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
        "pathlib.Path('started').touch()\n"
        "try:\n    time.sleep(60)\nfinally:\n    time.sleep(0.5)\n    pathlib.Path('ended').touch()\n"
    )
    code = "from edgeprune.commands import workflow; workflow.run('mine')"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment, stderr=-1, text=True) as process:
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert (tmp_path / "ended").exists()
    assert "the workflow of the preset mine has not ended well" in said


def test_one_that_was_killed_before_it_set_the_epochs_begins_anew(checkout, monkeypatch, capsys):
    file, left = Path("presets/vgg8.yaml"), []

    def interrupted(*_):
        left.append(file.read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, "run", interrupted)
    assert ask() == 130
    assert not file.exists()
    file.write_text(left[0])  # as a kill leaves it
    assert ask() == 130
    assert len(left) == 2
    assert "Going on" not in capsys.readouterr().out


def test_a_locked_folder_says_so(checkout, capfd):
    locks = checkout / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/vgg8/fetch_dataset/vgg8-images/manifest.json\n")
    assert ask() == 1
    assert "another run works in it" in capfd.readouterr().err
    assert not list(Path("presets").iterdir())


def test_elsewhere_than_in_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ask() == 1
    assert "there is no Snakefile with presets here" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "text"), [(40, "40 s"), (420, "7 min"), (11520, "3.2 h")])
def test_durations(seconds, text):
    assert duration(seconds) == text
