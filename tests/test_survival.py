"""Trainings that are killed, asked to stop, starved of disk or fed damaged states."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from edgeprune.errors import EdgepruneError
from edgeprune.training import engine
from edgeprune.training.run import run
from edgeprune.training.state import States
from edgeprune.training.stopping import EXIT_STATUS, Stopped
from helpers.interrupted import EPOCHS, IMAGES, RECIPE, REPRODUCIBLE, arguments, interrupt, make_inputs

ROOT = Path(__file__).resolve().parents[1]

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("inputs"))


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

    real, before = engine.Engine.run, signal.getsignal(signal.SIGTERM)

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
    assert signal.getsignal(signal.SIGTERM) == before
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
