"""A board or another machine, over the OpenSSH client of this one.

One connection does it all: :mod:`~edgeprune.measuring.remote` goes over first, then the measuring program and its
files; the answer comes back the same way. ``~/.ssh/config`` holds for what the device's settings do not say.
"""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune import files
from edgeprune.errors import EdgepruneError
from edgeprune.measuring import program, remote, ssh_errors
from edgeprune.measuring.program import Unreachable
from edgeprune.measuring.standalone.failures import NO_RUNTIME, UNREADABLE

DEFAULTS: dict[str, Any] = {"python": "python3", "connect_timeout": 10, "retries": 2, "timeout": 1800}
OPTIONS: dict[str, Any] = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "ServerAliveInterval": 15,
    "ServerAliveCountMax": 4,
    "LogLevel": "INFO",
    # What somebody set for their own sessions; a master left behind would also keep our pipes open.
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "ControlMaster": "no",
}


class Ssh:
    """Runs the program on another machine; one connection for each run, tried again if it fails."""

    SETTINGS = ("host", "user", "port", "key", "known_hosts", *DEFAULTS)

    def __init__(self, settings: dict[str, Any], key: str) -> None:
        self.settings, self.key = DEFAULTS | settings, key
        if not settings.get("host"):
            raise EdgepruneError("missing key", key=f"{key}.host", remedy="add the device's name or address")

    def run(self, arguments: Sequence[str | Path]) -> dict[str, Any]:
        """The program's JSON for ``arguments`` (strings, and paths of this machine).

        Raises:
            Unreachable: the device was not there, or the connection was cut, each time that it was tried.
            EdgepruneError: something that another try does not mend.
        """
        attempt = 0
        while True:
            try:
                return self._run_once(arguments)
            except Unreachable as error:
                attempt += 1
                if attempt > self.settings["retries"]:
                    raise
                pause = min(2**attempt, 30)
                print(f"{self.key}: {error.problem}; trying again in {pause} s", file=sys.stderr, flush=True)
                time.sleep(pause)

    def command(self, size: int) -> list[str]:
        """The client's command line; ``size`` is that of the text that the device's Python runs first."""
        words = ["ssh"]
        given = {"UserKnownHostsFile": self._file("known_hosts"), "IdentityFile": self._file("key")}
        if given["IdentityFile"]:
            given["IdentitiesOnly"] = "yes"
        given |= {"User": self.settings.get("user"), "Port": self.settings.get("port")}
        given["ConnectTimeout"] = self.settings["connect_timeout"]
        for name, value in (OPTIONS | given).items():
            if value is not None:
                words += ["-o", f"{name}={value}"]
        start = (
            f'import sys;stream=getattr(sys.stdin,"buffer",sys.stdin);exec(stream.read({size}).decode());main(stream)'
        )
        python = self.settings["python"]
        # The login shell expands "$HOME" between double quotes, and nothing else of the setting.
        python = '"$HOME"/' + shlex.quote(python[2:]) if python.startswith("~/") else shlex.quote(python)
        # "--": a host that begins with a dash is no option.
        # "&& true": a shell that stays is able to say that a signal killed this Python.
        return [*words, "--", self.settings["host"], f"{python} -c {shlex.quote(start)} && true"]

    def _file(self, setting: str) -> str | None:
        """A setting that is a file, as ``ssh -o`` wants it."""
        if not self.settings.get(setting):
            return None
        path = Path(self.settings[setting]).expanduser().absolute()
        if not path.is_file():
            remedy = ssh_errors.MISSING[setting]
            raise EdgepruneError(f"there is no file {path}", key=f"{self.key}.{setting}", remedy=remedy)
        return '"' + re.sub(r'(["\\])', r"\\\1", str(path).replace("%", "%%")) + '"'

    def _run_once(self, arguments: Sequence[str | Path]) -> dict[str, Any]:
        agent = Path(remote.__file__).read_bytes()
        command = self.command(len(agent))
        sent = program.archive()
        words: list[str | dict[str, str]] = [{"file": "program.zip"}]
        taken = {}
        for argument in arguments:
            if isinstance(argument, Path):
                try:
                    name = files.sha256(argument)[:16] + argument.suffix
                except OSError as error:
                    raise EdgepruneError(
                        f"cannot be read: {error.strerror}",
                        file=argument,
                        remedy=program.REMEDIES[UNREADABLE],
                    ) from error
                taken[name], argument = argument, {"file": name}
            words.append(argument)
        job = {"python": self.settings["python"], "arguments": words, "timeout": self.settings["timeout"]}
        job["files"] = [["program.zip", len(sent)], *([name, path.stat().st_size] for name, path in taken.items())]
        parts = [agent, json.dumps(job).encode() + b"\n", sent, *taken.values()]
        status, out, err = self._talk(command, parts)
        return self._result(status, out, err, taken)

    def _talk(self, command: list[str], parts: list[bytes | Path]) -> tuple[int, str, str]:
        """Send ``parts`` (bytes, and paths whose content is meant); exit status, output and messages of the client."""
        # To wait for another job, then to run, take at most the time-out each.
        limit = self.settings["connect_timeout"] + 2 * self.settings["timeout"] + 60
        theirs, ours = os.pipe()
        try:
            process = subprocess.Popen(
                command,
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | {"LC_ALL": "C"},
            )
        except OSError as error:
            os.close(ours)
            raise EdgepruneError(
                f"the OpenSSH client cannot be started: {error.strerror}",
                key=f"{self.key}.kind",
                remedy="install it on this machine, e.g. apt install openssh-client",
            ) from error
        finally:
            os.close(theirs)
        feeder = threading.Thread(target=_feed, args=(ours, parts), daemon=True)
        feeder.start()
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise Unreachable(f"the device gave no answer for {limit:g} s", key=f"{self.key}.timeout") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
            feeder.join()
            os.close(ours)  # until now, it told the device that its answer is awaited
        return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")

    def _result(self, status: int, out: str, err: str, taken: dict[str, Path]) -> dict[str, Any]:
        said = []
        for line in out.splitlines():
            if line.startswith(remote.MARK):
                with contextlib.suppress(json.JSONDecodeError):  # cut in the middle of it
                    said.append(json.loads(line[len(remote.MARK) :]))
        answer = said[-1] if said else None
        if not isinstance(answer, dict):
            if said or status == 255 or status < 0:
                raise ssh_errors.of_client(err, self.key, self.settings, started=bool(said))
            raise ssh_errors.of_start(status, err or out, self.key, self.settings)
        if "failure" in answer:
            raise ssh_errors.of_device(answer["failure"], answer["text"], self.key, self.settings)
        err = answer["err"]
        for name, path in taken.items():
            err = err.replace(f"{answer['folder']}/{name}", str(path))
        ssh_errors.check_program(answer["status"], err, self.key)
        about_python = answer["status"] == NO_RUNTIME
        return program.result(answer["status"], answer["out"], err, self.key + ".python" * about_python)


def _feed(handle: int, parts: list[bytes | Path]) -> None:
    """Write until the client hangs up; the pipe stays open."""
    with contextlib.suppress(BrokenPipeError):
        for part in parts:
            if isinstance(part, bytes):
                _write(handle, part)
            else:
                with open(part, "rb") as stream:
                    while chunk := stream.read(1 << 20):
                        _write(handle, chunk)


def _write(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
