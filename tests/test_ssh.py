"""Devices of kind ssh, against a real OpenSSH server on loopback: what is measured, and every way in which it fails."""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from edgeprune.errors import EdgepruneError
from edgeprune.measuring import remote, ssh_errors
from edgeprune.measuring.devices import SETTINGS, connect
from edgeprune.measuring.program import Unreachable
from edgeprune.measuring.ssh import DEFAULTS, Ssh
from helpers.sshserver import Server, eventually, find_server, free_port, make_key
from test_measuring import write_model

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[1]
QUICK = ["--seconds", "0.05", "--iterations", "5", "--warmup", "1"]
LONG = ["--seconds", "300"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    find_server()
    server = Server(tmp_path_factory.mktemp("sshd"))
    server.models = write_model(server.folder / "small.onnx", 4), write_model(server.folder / "dense.onnx", 64)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(shared):
    """The server, trusted; after the test nothing of it may be left there."""
    yield shared
    shared.trust(shared.host_key)
    assert eventually(lambda: not shared.left_over()), shared.left_over()


@pytest.fixture
def device(server):
    def make(**settings):
        return connect("pi", server.settings | {"python": sys.executable} | settings)

    return make


def arguments(server, options=QUICK):
    return ["--model", server.models[0], "--reference", server.models[1], *options]


def refused(device, server, options=QUICK):
    with pytest.raises(EdgepruneError) as caught:
        device.run(arguments(server, options))
    assert caught.value.key.startswith("devices.pi")
    assert caught.value.remedy
    return caught.value


def wrapper(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_it_measures_over_the_connection(server, device):
    result = device().run(arguments(server))
    assert result["latency_ms"]["p50"] > 0
    assert result["speedup"] > 2  # 256 times the multiplications
    assert result["model_bytes"] == server.models[0].stat().st_size < result["reference"]["model_bytes"]


def test_a_path_of_odd_characters_is_one_word_there(server, device, tmp_path):
    folder = tmp_path / """it's 100 %h; $HOME; "touch" `x` & * \\"""
    folder.mkdir()
    python = wrapper(folder / "py thon", f'exec {sys.executable} "$@"')
    files = {name: shutil.copy(server.settings[name], folder) for name in ("key", "known_hosts")}
    assert device(python=python, **files).run(arguments(server))["latency_ms"]["p50"] > 0


def test_a_python_in_the_home_folder(server, device):
    wrapper(server.home / "my python", f'exec {sys.executable} "$@"')
    assert device(python="~/my python").run(arguments(server))["latency_ms"]["p50"] > 0


def test_what_a_login_prints_does_no_harm(server, device, tmp_path):
    noise = '[ "$1" != -c ] || { printf "welcome"; echo "news" >&2; }'
    python = wrapper(tmp_path / "python", f'{noise}; exec {sys.executable} "$@"')
    assert device(python=python).run(arguments(server))["latency_ms"]["p50"] > 0


def test_an_unknown_host_key_is_not_accepted(server, device):
    server.known_hosts.write_text("")
    error = refused(device(retries=5), server)  # no other try: it would take a minute
    assert not isinstance(error, Unreachable)
    assert error.key == "devices.pi.host"
    assert "host key is not known" in error.problem
    assert "ssh-keygen -lf" in error.remedy
    assert f"-p {server.port}" in error.remedy
    assert server.known_hosts.read_text() == ""


def test_a_changed_host_key_is_not_accepted(server, device, tmp_path):
    server.trust(make_key(tmp_path / "other"))
    before = server.known_hosts.read_text()
    error = refused(device(), server)
    assert not isinstance(error, Unreachable)
    assert "not the one that was stored" in error.problem
    assert "ssh-keygen -R" in error.remedy
    assert server.known_hosts.read_text() == before


@pytest.mark.parametrize("fault", ["other", "public", "broken", "missing"])
def test_a_wrong_key(server, device, tmp_path, fault):
    key = make_key(tmp_path / "key") if fault == "other" else Path(shutil.copy(server.user_key, tmp_path))
    words = {"other": "does not accept", "public": "can be read by others", "broken": "ssh can read"}
    if fault == "public":
        key.chmod(0o644)
    elif fault == "broken":
        key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IG9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n")
    elif fault == "missing":
        key.unlink()
    error = refused(device(key=str(key)), server)
    assert not isinstance(error, Unreachable)
    assert error.key == "devices.pi.key"
    assert words.get(fault, "there is no file") in error.problem


def test_absent_devices_are_unreachable(server, device):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        for settings, words in (
            ({"port": free_port()}, "nothing listens"),
            ({"host": "no-such-device.invalid"}, "not known to this network"),
            ({"port": port, "connect_timeout": 1}, "does not answer"),
        ):
            error = refused(device(**settings), server)
            assert isinstance(error, Unreachable)
            assert words in error.problem
            assert error.key == "devices.pi.host"


def test_a_failed_connection_is_tried_again(tmp_path, monkeypatch, capsys):
    find_server()
    server = Server(tmp_path)
    server.models = [write_model(tmp_path / f"{n}.onnx", n) for n in (4, 8)]
    monkeypatch.setattr(time, "sleep", lambda s: server.process or server.start() if s >= 1 else os.sched_yield())
    try:
        device = connect("pi", server.settings | {"python": sys.executable, "retries": 2})
        assert device.run(arguments(server))["latency_ms"]["p50"] > 0
    finally:
        server.stop()
    assert capsys.readouterr().err.count("trying again") == 1


def test_a_cut_connection_leaves_nothing_there(server, device):
    cutter = server.cut_when(server.programs)
    error = refused(device(), server, LONG)
    cutter.join()
    assert isinstance(error, Unreachable)
    assert "cut while the program ran" in error.problem


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_goes_on_there_when_this_side_is_killed(server, number):
    settings = json.dumps(server.settings | {"python": sys.executable})
    code = "import json, pathlib, sys; from edgeprune.measuring.devices import connect\n"
    code += "connect('pi', json.loads(sys.argv[1])).run(['--model', pathlib.Path(sys.argv[2]), '--seconds', '300'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, settings, str(server.models[0])], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    assert eventually(server.programs)
    process.send_signal(number)
    process.wait()
    assert eventually(lambda: not server.left_over())
    assert eventually(lambda: not server.sessions())


def test_a_measurement_that_takes_too_long_is_ended_there(server, device):
    error = refused(device(timeout=3), server, LONG)
    assert not isinstance(error, Unreachable)
    assert error.key == "devices.pi.timeout"
    assert "3 s" in error.problem
    assert "was ended" in error.problem
    assert not server.programs()


def test_two_measurements_take_turns(server, device):
    code = f"import fcntl, os, sys; h = os.open({str(server.home)!r}, 0); fcntl.flock(h, fcntl.LOCK_EX); print('1');"
    holder = subprocess.Popen(
        [sys.executable, "-c", code + "sys.stdout.flush(); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline()
    error = refused(device(timeout=1), server)
    assert error.key == "devices.pi.timeout"
    assert "another measurement" in error.problem
    holder.communicate()
    assert device().run(arguments(server))


def test_a_device_without_a_python_that_starts(server, device, tmp_path):
    for python, words in (
        ("no-such-python", "not found"),
        (wrapper(tmp_path / "a", "exec /dev/null"), "Permission denied"),
        (wrapper(tmp_path / "b", "echo This account is not available.; exit 1"), "not available. (status 1)"),
        (wrapper(tmp_path / "c", "kill -ILL $$"), "does not know an instruction"),
    ):
        error = refused(device(python=python), server)
        assert error.key == "devices.pi.python"
        assert words in error.problem


def test_a_python_that_is_too_old(server, device, tmp_path):
    # Only its number is old; that the text parses in old versions is another test's.
    old = f'exec {sys.executable} -c "import sys; sys.version_info = (3, 7, 9); exec(sys.argv[2])" "$@"'
    error = refused(device(python=wrapper(tmp_path / "python", old)), server)
    assert error.key == "devices.pi.python"
    assert "Python 3.7, 3.8 or newer is needed" in error.problem


def test_the_first_lines_there_parse_in_any_python():
    text = Path(remote.__file__).read_text()
    assert text.isascii()
    tree = ast.parse(text)
    modern = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Nonlocal, ast.Starred)
    for node in ast.walk(tree):
        assert not isinstance(node, modern), ast.dump(node)
        if isinstance(node, ast.FunctionDef):
            assert not node.args.kwonlyargs
            assert not node.args.posonlyargs
            assert not node.returns
        if isinstance(node, ast.Raise):
            assert not node.cause
        if isinstance(node, ast.Call):
            assert not any(keyword.arg is None for keyword in node.keywords[:-1])


def test_missing_packages_are_named(server, device, tmp_path):
    bare = wrapper(tmp_path / "python", f'exec {sys.executable} -S -I "$@"')
    error = refused(device(python=bare), server)
    assert not isinstance(error, Unreachable)
    assert error.key == "devices.pi.python"
    assert "install numpy and onnxruntime" in error.problem


@pytest.mark.parametrize("fault", ["library", "instruction", "memory"])
def test_packages_of_another_processor(server, device, tmp_path, fault):
    package = tmp_path / "packages/onnxruntime"
    package.mkdir(parents=True)
    if fault == "library":
        (package / "library.so").write_bytes(b"\x7fELF" + bytes(100))
        text = f"import ctypes\ntry:\n    ctypes.CDLL({str(package / 'library.so')!r})\n"
        text += "except OSError as error:\n    raise ImportError(str(error))\n"
    else:
        text = f"import os, signal\nos.kill(os.getpid(), signal.{'SIGILL' if fault == 'instruction' else 'SIGKILL'})\n"
    (package / "__init__.py").write_text(text)
    python = wrapper(tmp_path / "python", f'PYTHONPATH={package.parent} exec {sys.executable} "$@"')
    error = refused(device(python=python), server)
    expected = {
        "library": ("devices.pi.python", "of another processor"),
        "instruction": ("devices.pi.python", "does not know an instruction"),
        "memory": ("devices.pi", "killed on the device by signal 9"),
    }
    assert error.key == expected[fault][0]
    assert expected[fault][1] in error.problem


def test_a_corrupt_model_is_named_as_it_is_here(server, device, tmp_path):
    (tmp_path / "cut.onnx").write_bytes(server.models[0].read_bytes()[:99])
    with pytest.raises(EdgepruneError, match="ONNX Runtime can load") as caught:
        device().run(["--model", tmp_path / "cut.onnx", *QUICK])
    assert str(tmp_path / "cut.onnx") in str(caught.value)
    with pytest.raises(EdgepruneError, match="cannot be read"):
        device().run(["--model", tmp_path / "none.onnx", *QUICK])


def test_a_full_disk(server, device):
    small = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(server.temporary)]
    if os.getuid() != 0 or subprocess.run(small, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        error = refused(device(), server)
        assert not isinstance(error, Unreachable)
        assert "disk is full" in error.problem
        assert str(server.temporary) in error.problem
        assert not list(server.temporary.iterdir())
    finally:
        subprocess.run(["umount", str(server.temporary)], check=True)


def test_a_folder_that_nobody_may_write_to(server, device, tmp_path):
    python = wrapper(tmp_path / "python", f'ulimit -f 0; exec {sys.executable} "$@"')
    error = refused(device(python=python), server)
    assert "cannot write files" in error.problem


def test_without_a_client_here(server, device, monkeypatch):
    monkeypatch.setenv("PATH", str(server.folder))
    error = refused(device(), server)
    assert error.key == "devices.pi.kind"
    assert "openssh-client" in error.remedy


def test_schema_and_device_agree():
    schema = yaml.safe_load((ROOT / "edgeprune/config/config.schema.yaml").read_text())
    properties = schema["$defs"]["device"]["properties"]
    assert {*SETTINGS, *Ssh.SETTINGS} <= set(properties)
    for name, value in DEFAULTS.items():
        assert properties[name]["default"] == value


def test_every_cause_is_in_the_documentation():
    page = (ROOT / "docs/devices.md").read_text()
    causes = [problem for _, _, problem, _ in ssh_errors._MISTAKES] + [problem for _, problem in ssh_errors._ABSENT]
    for problem in causes:
        assert f"| {problem.removesuffix(' (%s)')} |" in page


@pytest.mark.parametrize(
    ("device", "key", "words"),
    [
        ({"kind": "ssh"}, "devices.pi.host", "missing key"),
        ({"kind": "ssh", "host": "-oProxyCommand=x"}, "devices.pi.host", "not valid"),
        ({"kind": "local", "host": "pi"}, "devices.pi.host", "no key of this kind"),
    ],
)
def test_the_configuration_is_checked_before_anything_runs(device, key, words):
    from edgeprune.config import load

    with pytest.raises(EdgepruneError, match=words) as caught:
        load.effective(ROOT, {"devices": {"pi": device}})
    assert caught.value.key == key
