"""`edgeprune doctor`: what is here, what is missing and how to get it; and how a shell completes the command."""

import fcntl
import json
import subprocess
import sys
import time

import pytest
import yaml

from edgeprune.cli import main, parser
from edgeprune.commands import doctor
from helpers.workflow import ROOT

GONE = {"kind": "ssh", "host": "127.0.0.1", "port": 9, "connect_timeout": 1}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with two devices, one of which is off."""
    (tmp_path / "presets").mkdir()
    (tmp_path / "Snakefile").touch()
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["devices"]["gone"] = GONE
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "presets/quick.yaml").write_text((ROOT / "presets/quick.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(capsys, *options):
    code = main(["doctor", "--json", *options])
    printed = capsys.readouterr()
    return code, {(row["part"], row["name"]): row for row in json.loads(printed.out)}, printed.err


def test_it_lists_packages_devices_and_the_place(checkout, capsys):
    code, found, _ = ask(capsys)
    assert code == 0
    for package in ("torch", "torchvision", "snakemake", "dvc", "onnxruntime", "numpy"):
        assert found["package", package]["state"] == "ok"
        assert found["package", package]["said"].split()[0][0].isdigit()
    assert {name for part, name in found if part == "runtime"} >= {"openvino", "ncnn"}
    assert found["device", "local"]["state"] == "ok"
    assert found["device", "gone"]["state"] == "absent"
    assert "nothing listens there" in found["device", "gone"]["said"]
    assert "see that it is on" in found["device", "gone"]["remedy"]
    assert found["place", "checkout"]["said"] == str(checkout)
    assert "GB free" in found["place", "disk"]["said"]
    assert not [row for row in found.values() if row["state"] != "ok" and not row["remedy"]]


def test_what_is_needed_and_missing_ends_with_1(checkout, capsys, monkeypatch):
    known = doctor.version
    monkeypatch.setattr(doctor, "version", lambda package: None if package == "snakemake" else known(package))
    code, found, err = ask(capsys)
    assert code == 1
    assert found["package", "snakemake"] == {
        "part": "package", "name": "snakemake", "state": "missing", "said": "not installed",
        "remedy": "make env, or pip install 'edgeprune[pipeline]'",
    }  # fmt: skip
    assert "error: missing: snakemake" in err
    monkeypatch.setattr(doctor, "version", lambda package: "8.1" if package == "snakemake" else known(package))
    code, found, _ = ask(capsys)
    assert (code, found["package", "snakemake"]["state"]) == (1, "missing")
    assert "this is Snakemake 8.1" in found["package", "snakemake"]["said"]


def test_a_wrong_configuration_is_told_as_it_is(checkout, capsys):
    (checkout / "config.yaml").write_text("devices: {local: {kind: toaster}}\n")
    code, found, _ = ask(capsys)
    assert code == 1
    assert "toaster" in found["place", "config.yaml"]["said"]


def test_locks_are_told(checkout, capsys):
    locks = checkout / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    (checkout / ".dvc/tmp").mkdir(parents=True)
    with open(checkout / ".dvc/tmp/lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _, found, _ = ask(capsys)
        assert "snakemake --unlock" in found["lock", ".snakemake/locks"]["remedy"]
        assert found["lock", ".dvc/tmp/lock"]["state"] == "absent"
    _, found, _ = ask(capsys)
    assert ("lock", ".dvc/tmp/lock") not in found


def test_away_from_a_checkout_extras_are_not_needed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "version", lambda package: "1.0" if package in ("numpy", "scipy", "msgspec") else None)
    code, found, _ = ask(capsys)
    assert code == 0
    assert found["package", "torch"]["state"] == "absent"
    assert found["package", "torch"]["remedy"] == "pip install 'edgeprune[train]'"
    assert found["place", "checkout"]["state"] == "absent"
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "pip install 'edgeprune[train]'" in said
    assert max(map(len, said.splitlines())) <= 100


def test_it_does_not_import_torch(tmp_path):
    code = "import sys; from edgeprune import cli; cli.main(['doctor']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_completes_commands_and_options(shell, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", shell])
    assert ended.value.code == 0
    script = capsys.readouterr().out
    for word in ("recommend", "doctor", "latency"):
        assert word in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
        asked = "COMP_WORDS=(edgeprune rec); COMP_CWORD=1; _shtab_edgeprune; echo ${COMPREPLY[@]}"
        done = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["recommend"]


def test_completion_costs_nothing_until_it_is_asked_for():
    code = "import sys; from edgeprune import cli; cli.parser(); sys.exit('shtab' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    begun = time.perf_counter()
    parser()
    assert time.perf_counter() - begun < 0.5


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("edgeprune 0.")
