"""An OpenSSH server of the test's own: on loopback, with its own keys, run as whoever runs the tests."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest


def find_server():
    """The server's program, or a skipped test."""
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not program or not shutil.which("ssh"):
        pytest.skip("sshd is not installed here (Debian: apt install openssh-server openssh-client)")
    return program


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running server.

    Attributes:
        settings: of a device of kind ``ssh`` that is this server.
        temporary, home: what TMPDIR and HOME are in its sessions.
    """

    def __init__(self, folder):
        self.folder, self.port, self.process = Path(folder), free_port(), None
        self.temporary, self.home = self.folder / "temporary", self.folder / "home"
        for made in (self.temporary, self.home):
            made.mkdir(parents=True)
        self.host_key, self.user_key = make_key(folder / "host_key"), make_key(folder / "user_key")
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        self.known_hosts = folder / "known_hosts"
        self.trust(self.host_key)
        self.settings = {
            "kind": "ssh",
            "host": "127.0.0.1",
            "port": self.port,
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "key": str(self.user_key),
            "known_hosts": str(self.known_hosts),
            "connect_timeout": 20,
            "retries": 0,
        }

    def trust(self, host_key):
        kind, public = Path(f"{host_key}.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {public}\n")

    def start(self):
        config = self.folder / "sshd_config"
        config.write_text(
            f"""\
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.host_key}
PidFile none
AuthorizedKeysFile {self.folder / "authorized_keys"}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
SetEnv TMPDIR={self.temporary} HOME={self.home}
"""
        )
        program = find_server()
        if os.getuid() == 0:  # where privileges are separated; made by the service's start, as a rule
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.log = open(self.folder / "sshd.log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=self.log)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self.process.poll() is None, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self):
        if self.process:
            self.cut()
            self.process.terminate()
            self.process.wait()
            self.process = None
            self.log.close()

    def sessions(self):
        """Process ids of the server's side of open connections."""
        return children(self.process.pid)

    def programs(self):
        """Process ids of measuring programs."""
        return processes_with(self.temporary, "cmdline")

    def left_over(self):
        """What sessions have left: process ids and files."""
        return processes_with(f"TMPDIR={self.temporary}", "environ") + list(self.temporary.iterdir())

    def cut(self):
        """Kill the server's side of every open connection."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def cut_when(self, condition):
        """Cut once the condition holds; returns the thread that waits for it."""

        def wait():
            if eventually(condition):
                self.cut()

        thread = threading.Thread(target=wait)
        thread.start()
        return thread


def eventually(condition, seconds=30):
    """Whether ``condition()`` becomes true within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def children(parent):
    """Process ids whose parent is ``parent``."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def processes_with(word, where):
    """Process ids with ``word`` in their ``cmdline`` or ``environ``; zombies have neither."""
    found = []
    for file in Path("/proc").glob(f"[0-9]*/{where}"):
        with contextlib.suppress(OSError):
            if str(word).encode() in file.read_bytes():
                found.append(int(file.parent.name))
    return found
