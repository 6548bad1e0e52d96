"""Which kept states a training goes on from, which it refuses, and what it leaves behind."""

import json
from pathlib import Path

import pytest
import torch

from edgeprune.errors import EdgepruneError
from edgeprune.training import checkpoint, device, engine
from edgeprune.training.run import run
from helpers.interrupted import IMAGES, RECIPE, REPRODUCIBLE, SPEC, arguments, interrupt, make_inputs

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("inputs"))


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


def test_the_code_of_the_task_decides_too(inputs, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("edgeprune.training.state.digests", lambda *entries: asked.extend(entries) or ["same"])
    interrupt(inputs, tmp_path, epoch=1, recipe=RECIPE | {"epochs": 2})
    assert "edgeprune.tasks.classification:Classification" in asked


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
