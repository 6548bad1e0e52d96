"""Trainings that are killed, asked to stop, starved of disk or fed damaged states."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeprune.errors import EdgepruneError
from edgeprune.networks.vgg import vgg8
from edgeprune.sampling.sample import sample
from edgeprune.tracing.profile import profile
from edgeprune.training import checkpoint, device, engine
from edgeprune.training.run import run
from edgeprune.training.state import States
from edgeprune.training.stopping import EXIT_STATUS, Stopped
from trainingdata import write_dataset

ROOT = Path(__file__).resolve().parents[1]
REPRODUCIBLE = ["history.csv", "metrics.json", "model.pt"]
EPOCHS, IMAGES = 12, 320
# everything that a state must hold: momentum, moving average, draws of augmentation and of dropout
RECIPE = {
    "epochs": EPOCHS,
    "batch_size": 32,
    "lr": 0.05,
    "ema_decay": 0.9,
    "augment": ["flip", "crop", "cutout"],
    "warmup_epochs": 1,
}
SPEC = {"factory": "edgeprune.networks.vgg:vgg8", "args": {"width": 0.5, "dropout": 0.2}}

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    draw = np.random.default_rng(0)
    counts = {"train": IMAGES, "val": 40, "test": 40}
    targets = {s: np.arange(n) % 4 for s, n in counts.items()}
    images = {s: draw.integers(0, 100, (n, 1, 8, 8)) + 50 * targets[s][:, None, None, None] for s, n in counts.items()}
    write_dataset(folder / "noise", {s: i.clip(0, 255).astype(np.uint8) for s, i in images.items()}, targets, 4)
    dense = profile(vgg8(num_classes=4, width=0.5), (1, 8, 8), network="vgg8")
    dense.save(folder / "profile.json")
    sample(dense, "FA", 0.5, 0).save(folder / "plan.json")
    sample(dense, "FA", 0.5, 1).save(folder / "other.json")
    return folder


def arguments(inputs, out, **changes):
    given = {
        "network": "vgg8",
        "spec": SPEC,
        "data": str(inputs / "noise"),
        "profile": str(inputs / "profile.json"),
        "plan": str(inputs / "plan.json"),
        "recipe": RECIPE,
        "seed": 3,
        "variant": "FA-0.50",
        "out": str(out),
        "onnx": False,
    }
    return given | changes


def start(inputs, out, state, **changes):
    """The script in a process of its own."""
    given = arguments(inputs, out, **changes)
    del given["onnx"]
    command = [sys.executable, str(ROOT / "scripts" / "train_network.py"), "--no-onnx", "--state", str(state)]
    for name, value in given.items():
        command += [f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def read_until_epoch(process, epoch):
    """Read the process's live lines up to that epoch's."""
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("epoch ") and int(line.split("/")[0].split()[1]) >= epoch:
            return seen
    pytest.fail(f"ended before epoch {epoch}: {''.join(seen)}")


@pytest.fixture(scope="module")
def uninterrupted(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted")
    run(**arguments(inputs, out))
    return out


def assert_same(out, uninterrupted):
    for name in REPRODUCIBLE:
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name


def interrupt(inputs, tmp_path, epoch=4, steps=0, **changes):
    """Stop a training in this process after ``steps`` steps beyond ``epoch`` epochs; the folder of its states."""
    calls = 0

    class Killed(Exception):
        pass

    def stop():
        nonlocal calls
        calls += 1
        if calls > epoch * IMAGES // 32 + steps:
            raise Killed
        return False

    real = engine.Engine.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.Engine, "run", lambda self, **options: real(self, **options | {"stop": stop}))
        with pytest.raises(Killed):
            run(**arguments(inputs, tmp_path / "out", state=str(tmp_path / "state"), **changes))
    return tmp_path / "state"


def test_the_settings_put_the_state_to_the_test(uninterrupted, inputs):
    """The training learns something and does not end at once, or equal bits would say little."""
    rows = (uninterrupted / "history.csv").read_text().splitlines()
    assert rows[0] == "epoch,train_loss,val_loss,val_accuracy,lr"
    assert len(rows) == 1 + EPOCHS
    assert json.loads((uninterrupted / "metrics.json").read_text())["val"]["accuracy"] > 0.5


def test_kill_9_at_a_random_epoch(inputs, uninterrupted, tmp_path):
    epoch = random.Random(4).randrange(2, EPOCHS - 1)
    process = start(inputs, tmp_path / "out", tmp_path / "state")
    try:
        read_until_epoch(process, epoch)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    assert not (tmp_path / "out").exists()
    kept = sorted(p.name for p in (tmp_path / "state").iterdir() if not p.name.startswith("."))
    assert 1 <= len(kept) <= 3  # a third if the kill came before the oldest was removed
    run(**arguments(inputs, tmp_path / "out", state=str(tmp_path / "state")))
    assert_same(tmp_path / "out", uninterrupted)
    assert not (tmp_path / "state").exists()


def test_sigterm_saves_within_the_epoch(inputs, uninterrupted, tmp_path):
    process = start(inputs, tmp_path / "out", tmp_path / "state")
    try:
        read_until_epoch(process, 3)
        time.sleep(random.Random(5).random() * 0.05)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait(30) == EXIT_STATUS
    finally:
        process.kill()
        process.stderr.close()
    assert "SIGTERM: stopping after this step" in said
    assert "stopped by SIGTERM in epoch" in said
    assert "run the same command again" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    assert len(list((tmp_path / "state").iterdir())) == 2
    run(**arguments(inputs, tmp_path / "out", state=str(tmp_path / "state")))
    assert_same(tmp_path / "out", uninterrupted)


@pytest.mark.parametrize(("epoch", "steps"), [(0, 1), (2, 7), (5, 0), (EPOCHS - 1, 9)])
def test_a_signal_at_any_step(inputs, uninterrupted, tmp_path, epoch, steps):
    calls, at = 0, epoch * IMAGES // 32 + steps

    real = engine.Engine.run

    def run_and_signal(self, *, stop, **options):
        def asked():
            nonlocal calls
            calls += 1
            if calls == at + 1:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)  # the handler runs between two byte codes
            return stop()

        return real(self, stop=asked, **options)

    state = str(tmp_path / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.Engine, "run", run_and_signal)
        with pytest.raises(Stopped, match=f"epoch {epoch + 1}, after {steps} steps") as caught:
            run(**arguments(inputs, tmp_path / "out", state=state))
    assert Path(caught.value.file).is_file()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    run(**arguments(inputs, tmp_path / "out", state=state))
    assert_same(tmp_path / "out", uninterrupted)


def test_a_truncated_newest_state_gives_way_to_the_one_before(inputs, uninterrupted, tmp_path, capsys):
    state = interrupt(inputs, tmp_path)
    older, newest = sorted(state.iterdir())
    assert [older.name, newest.name] == ["state-00003-000000.pt", "state-00004-000000.pt"]
    newest.write_bytes(newest.read_bytes()[:-1000])
    capsys.readouterr()
    run(**arguments(inputs, tmp_path / "out", state=str(state)))
    said = capsys.readouterr().err
    assert f"{newest}: not used, it is damaged" in said
    assert f"going on from {older}: 3 of {EPOCHS} epochs" in said
    assert_same(tmp_path / "out", uninterrupted)


def test_one_changed_bit_is_noticed(inputs, tmp_path):
    state = interrupt(inputs, tmp_path, epoch=2)
    newest = max(state.iterdir())
    data = bytearray(newest.read_bytes())
    data[-2000] ^= 1
    newest.write_bytes(data)
    kept = States(state, json.loads(newest.open("rb").readline())["key"])
    path, value = kept.newest()
    assert path.name == "state-00001-000000.pt"
    assert len(value["engine"]["history"]) == 1


def test_both_states_damaged_means_a_fresh_start(inputs, uninterrupted, tmp_path, capsys):
    state = interrupt(inputs, tmp_path, epoch=2)
    first, second = sorted(state.iterdir())
    first.write_bytes(b"")
    second.write_bytes(b"\x80\x02 rubbish")
    run(**arguments(inputs, tmp_path / "out", state=str(state)))
    assert "going on" not in capsys.readouterr().err
    assert_same(tmp_path / "out", uninterrupted)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 4}, "seed"),
        ({"recipe": RECIPE | {"epochs": 2, "lr": 0.04}}, "recipe"),
        ({"plan": "other.json"}, "plan"),
        ({"spec": SPEC | {"args": {"width": 0.5, "dropout": 0.1}}}, "network"),
    ],
)
def test_a_state_of_another_training_is_not_used(inputs, tmp_path, capsys, changes, named):
    short = RECIPE | {"epochs": 2}
    state = interrupt(inputs, tmp_path, epoch=1, recipe=short)
    changes = {"recipe": short} | changes
    if "plan" in changes:
        changes["plan"] = str(inputs / changes["plan"])
    fresh = run(**arguments(inputs, tmp_path / "fresh", **changes))
    capsys.readouterr()
    metrics = run(**arguments(inputs, tmp_path / "out", state=str(state), **changes))
    said = capsys.readouterr().err
    assert f"it belongs to another training ({named} changed)" in said
    assert "going on" not in said
    assert metrics == fresh
    assert not state.exists()


def test_an_edit_of_the_code_makes_a_state_stale(inputs, tmp_path, capsys, monkeypatch):
    short = RECIPE | {"epochs": 2}
    state = interrupt(inputs, tmp_path, epoch=1, recipe=short)
    monkeypatch.setattr("edgeprune.training.state.digests", lambda *_: ["edited"])
    run(**arguments(inputs, tmp_path / "out", state=str(state), recipe=short))
    assert "(code changed)" in capsys.readouterr().err


def test_an_edit_of_the_users_own_factory_makes_a_state_stale(inputs, tmp_path, capsys, monkeypatch):
    """The file named from a working directory outside the project, edited within this very process."""
    monkeypatch.chdir(tmp_path)
    text = "from edgeprune.networks.vgg import vgg8\n\n\n"
    text += "def build(num_classes):\n    return vgg8(num_classes, width=0.5)\n"
    Path("mine.py").write_text(text)
    short = {"recipe": RECIPE | {"epochs": 2}, "spec": "mine.py:build"}
    state = interrupt(inputs, tmp_path, epoch=1, **short)
    Path("mine.py").write_text(text.replace("width=0.5)", "width=0.5, dropout=0.3)"))
    run(**arguments(inputs, tmp_path / "out", state=str(state), **short))
    said = capsys.readouterr().err
    assert "(code changed)" in said
    assert "going on" not in said


def test_only_two_states_are_kept_and_other_files_left_alone(inputs, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "notes.txt").write_text("mine")
    (tmp_path / "state" / ".state-00001-000000.x.tmp.pt").write_text("left by a kill")
    state = interrupt(inputs, tmp_path, epoch=3)
    kept = ["state-00002-000000.pt", "state-00003-000000.pt"]
    assert sorted(p.name for p in state.iterdir()) == ["notes.txt", *kept]
    run(**arguments(inputs, tmp_path / "out", state=str(state)))
    assert [p.name for p in state.iterdir()] == ["notes.txt"]


def test_what_kills_left_half_written_is_removed(inputs, tmp_path):
    short = RECIPE | {"epochs": 2}
    state, out = interrupt(inputs, tmp_path, epoch=1, recipe=short), tmp_path / "out"
    out.mkdir()
    for path in (state / ".state-00002-000000.a1b2.tmp.pt", out / ".model.a1.tmp.pt", out / ".metrics.b2.tmp.json"):
        path.write_bytes(b"half")
    (out / ".models.a1.tmp.pt").write_text("somebody else's")
    run(**arguments(inputs, out, state=str(state), recipe=short))
    assert sorted(p.name for p in out.iterdir()) == [".models.a1.tmp.pt", *REPRODUCIBLE, "timing.json"]
    assert not state.exists()


def test_going_on_on_other_hardware_is_told_and_recorded(inputs, tmp_path, capsys, monkeypatch):
    short = RECIPE | {"epochs": 2}
    state = interrupt(inputs, tmp_path, epoch=1, recipe=short)
    assert "warning" not in capsys.readouterr().err
    here = device.hardware(torch.device("cpu"))
    monkeypatch.setattr(device, "hardware", lambda _: "another processor")
    run(**arguments(inputs, tmp_path / "out", state=str(state), recipe=short))
    assert f"other hardware too ({here} | another processor)" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "timing.json").read_text())["hardware"] == [here, "another processor"]


def test_weights_that_a_last_step_spoilt_are_not_kept(inputs, tmp_path):
    """Stopped right after a step whose loss was a number, but whose update was not."""
    state, taken = tmp_path / "state", 0
    real, real_run = engine.Engine._step, engine.Engine.run

    def spoil(self, *batch):
        nonlocal taken
        taken += 1
        loss = real(self, *batch)
        if taken == 13:
            next(self.model.parameters()).data.view(-1)[0] = float("nan")
        return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.Engine, "_step", spoil)
        patch.setattr(engine.Engine, "run", lambda self, **o: real_run(self, **o | {"stop": lambda: taken == 13}))
        with pytest.raises(EdgepruneError, match=r"features.0.0.weight is no longer a number in epoch 2") as e:
            run(**arguments(inputs, tmp_path / "out", state=str(state)))
    assert e.value.remedy.endswith(f"the last good state is {state / 'state-00001-000000.pt'}")
    assert [p.name for p in state.iterdir()] == ["state-00001-000000.pt"]


def test_divergence_keeps_and_names_the_last_good_state(inputs, tmp_path):
    state = tmp_path / "state"

    real = engine.Engine._step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            engine.Engine,
            "_step",
            lambda self, *a: real(self, *a) * (float("nan") if self.images >= 3 * IMAGES else 1),
        )
        with pytest.raises(EdgepruneError, match=r"(?s)recipes.vgg8.lr: the training loss became nan in epoch 4") as e:
            run(**arguments(inputs, tmp_path / "out", state=str(state)))
    assert e.value.remedy.endswith(f"the last good state is {state / 'state-00003-000000.pt'}")
    assert not (tmp_path / "out").exists()
    data = (state / "state-00003-000000.pt").read_bytes().partition(b"\n")[2]
    (tmp_path / "good.pt").write_bytes(data)
    weights = checkpoint.load(tmp_path / "good.pt")["engine"]["model"]
    assert all(torch.isfinite(w).all() for w in weights.values())


@pytest.fixture
def small_disk(tmp_path):
    """1 MB of disk."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder, leave):
    """Use the disk up but for ``leave`` bytes."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "filler").write_bytes(bytes(max(0, free - leave)))


def test_a_full_disk_while_a_state_is_saved(inputs, uninterrupted, tmp_path, small_disk):
    size = (uninterrupted / "model.pt").stat().st_size
    fill(small_disk, leave=4 * size)  # one state has weights, their average and their momentum
    out, state = tmp_path / "out", small_disk / "state"
    with pytest.raises(EdgepruneError, match=r"state-0000\d-000000.pt: cannot be written: No space left") as caught:
        run(**arguments(inputs, out, state=str(state)))
    assert "free some space" in caught.value.remedy
    assert not out.exists()
    kept = sorted(p.name for p in state.iterdir())
    assert kept == ["state-00001-000000.pt"]
    (small_disk / "filler").unlink()
    run(**arguments(inputs, out, state=str(state)))
    assert_same(out, uninterrupted)


def test_a_full_disk_while_results_are_written(inputs, tmp_path, small_disk):
    out, short = small_disk / "out", RECIPE | {"epochs": 2}
    out.mkdir()
    earlier = {"metrics.json": b"{}", "model.pt": b"earlier", "history.csv": b"epoch", "timing.json": b"{}"}
    for name, data in earlier.items():
        (out / name).write_bytes(data)
    fill(small_disk, leave=8192)
    state = tmp_path / "state"
    with pytest.raises(EdgepruneError, match="cannot be written: No space left"):
        run(**arguments(inputs, out, state=str(state), recipe=short))
    assert {p.name: p.read_bytes() for p in out.iterdir()} == earlier
    (small_disk / "filler").unlink()
    begun = time.perf_counter()
    metrics = run(**arguments(inputs, out, state=str(state), recipe=short))
    assert metrics["cost"]["epochs"] == 2
    assert time.perf_counter() - begun < 20
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert not state.exists()
