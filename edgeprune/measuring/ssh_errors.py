"""What went wrong on the way to a device, from the words of the OpenSSH client and of the device."""

import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from edgeprune.errors import EdgepruneError
from edgeprune.measuring.program import Unreachable
from edgeprune.measuring.standalone.failures import NO_RUNTIME

_VERIFY = (
    "compare what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` says on the device itself with what `{by_hand}` "
    "shows here, and let it be stored only if the two agree (docs/devices.md)"
)
_CHANGED = (
    "if the device was set up anew, remove its old key (`ssh-keygen -R`, the message in full names the file) and "
    "verify the new one as docs/devices.md says; if it was not, another machine may be answering in its place"
)
_DENIED = (
    "check the user, and that the public key stands in the device's ~/.ssh/authorized_keys (`ssh-copy-id`); "
    "a key with a passphrase must be in an ssh-agent (`ssh-add`)"
)
MISSING = {
    "key": "make a key with `ssh-keygen -t ed25519` and put its public half on the device, as docs/devices.md says",
    "known_hosts": "store the device's verified key in it, as docs/devices.md says",
}
# (words of the client, setting at fault, problem, remedy); what another try does not mend.
_MISTAKES = (
    (r"IDENTIFICATION HAS CHANGED", "host", "its host key is not the one that was stored for it", _CHANGED),
    (r"REVOKED HOST KEY", "host", "its host key is marked as revoked", _CHANGED),
    (r"No \S+ host key is known|Host key verification failed", "host", "its host key is not known here", _VERIFY),
    (r"UNPROTECTED PRIVATE KEY FILE|bad permissions", "key", "the private key can be read by others", "chmod 600 it"),
    (
        r"Load key .*: (?!.*passphrase)(?:error|invalid)",
        "key",
        "the file is not a private key that ssh can read",
        MISSING["key"],
    ),
    (r"Permission denied \(|Too many authentication failures", "key", "the device does not accept the key", _DENIED),
)
# (words of the client, problem); the device may be there later. `%s` is the client's line.
_ABSENT = (
    (r"Could not resolve hostname", "the name of the device is not known to this network (%s)"),
    (r"Connection refused", "nothing listens there (%s)"),
    (r"timed? ?out|Timeout, server", "the device does not answer (%s)"),
    (r"No route to host|(Network|Host) is (unreachable|down)", "the device cannot be reached (%s)"),
    (r"Connection (to \S+ )?(closed|reset)|closed by remote host|Broken pipe|kex_exchange", "it was cut off (%s)"),
)
_TURN_ON = "see that it is on, in the network, runs an SSH server, and that host and port are right; then run again"


def of_client(err: str, key: str, settings: Mapping[str, Any], started: bool) -> EdgepruneError:
    """The error for what the OpenSSH client said when it gave up; ``started``: the program was already running."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    if not started:
        for words, setting, problem, remedy in _MISTAKES:
            if re.search(words, err):
                remedy = remedy.format(by_hand=_by_hand(settings))
                return EdgepruneError(f"{problem} ({_last(lines)})", key=f"{key}.{setting}", remedy=remedy)
        for words, problem in _ABSENT:
            found = [line for line in lines if re.search(words, line)]
            if found:
                return Unreachable(problem % found[-1], key=f"{key}.host", remedy=_TURN_ON)
        return EdgepruneError(
            f"no connection: {_last(lines)}", key=key, remedy=f"make this work by hand: `{_by_hand(settings)}`"
        )
    problem = f"the connection was cut while the program ran ({_last(lines)})"
    return Unreachable(problem, key=f"{key}.host", remedy=_TURN_ON)


def of_start(status: int, err: str, key: str, settings: Mapping[str, Any]) -> EdgepruneError:
    """The error for a login that worked, after which the device's Python did not start."""
    said = _last([line.strip() for line in err.splitlines() if line.strip()])
    if status == 128 + signal.SIGILL:
        return _illegal(key)
    return EdgepruneError(
        f"{settings['python']!r} does not start on the device: {said} (status {status})",
        key=f"{key}.python",
        remedy="install Python 3.8 or newer there, or name the one to use, e.g. ~/edgeprune/bin/python",
    )


def of_device(failure: str, text: str, key: str, settings: Mapping[str, Any]) -> EdgepruneError:
    """The error for a ``failure`` that :mod:`~edgeprune.measuring.remote` told."""
    limit = f"{settings['timeout']:g} s"
    longer = "allow more time, or measure for fewer seconds and iterations"
    kinds = {
        "old": ("python", f"{text}, 3.8 or newer is needed", "install a newer one there, and name it"),
        "python": ("python", f"the device cannot run it: {text}", "name a Python that runs there"),
        "full": (None, f"the device's disk is full: {text}", "make room there, or point its TMPDIR elsewhere"),
        "folder": (None, f"the device cannot write files: {text}", "give its TMPDIR a folder that can be written to"),
        "time": ("timeout", f"the measurement took more than {limit} and was ended", longer),
        "busy": ("timeout", f"another measurement kept the device busy for {limit}", longer),
    }
    if failure not in kinds:
        return Unreachable(f"the connection was cut while files were sent ({text})", key=f"{key}.host", remedy=_TURN_ON)
    setting, problem, remedy = kinds[failure]
    return EdgepruneError(problem, key=f"{key}.{setting}" if setting else key, remedy=remedy)


def check_program(status: int, err: str, key: str) -> None:
    """Refuse what packages of another processor do to the program, and a program that the system killed."""
    if status == -signal.SIGILL or re.search(r"Illegal instruction|status (-4|132)\b", err):
        raise _illegal(key)
    if status == NO_RUNTIME and re.search(r"\bELF\b|Exec format|wrong architecture", err):
        raise EdgepruneError(
            f"its packages are of another processor: {_last(err.strip().splitlines())}",
            key=f"{key}.python",
            remedy="make the environment on the device itself, with pip there; do not copy it from another machine",
        )
    if status < 0:
        raise EdgepruneError(
            f"the program was killed on the device by signal {-status} ({signal.strsignal(-status)})",
            key=key,
            remedy="signal 9 is, as a rule, a device that is out of memory: free some, or measure a smaller network",
        )


def _illegal(key: str) -> EdgepruneError:
    return EdgepruneError(
        "the device's processor does not know an instruction of its packages (SIGILL)",
        key=f"{key}.python",
        remedy="install builds of numpy and onnxruntime for its processor, e.g. a 64-bit system's on a 64-bit board",
    )


def _last(lines: Sequence[str]) -> str:
    return lines[-1] if lines else "it said nothing"


def _by_hand(settings: Mapping[str, Any]) -> str:
    words = ["ssh"]
    for option, name in (("-p", "port"), ("-i", "key")):
        if settings.get(name):
            words += [option, str(settings[name])]
    if settings.get("known_hosts"):
        words += ["-o", f"UserKnownHostsFile={settings['known_hosts']}"]
    user = f"{settings['user']}@" if settings.get("user") else ""
    return shlex.join([*words, user + settings["host"]])
