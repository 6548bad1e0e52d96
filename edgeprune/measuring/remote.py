"""The part of :mod:`edgeprune.measuring.ssh` that runs on the device: it receives files, runs the program, cleans up.

Standard input: a line of JSON, the *job* (``python``, ``arguments``, where ``{"file": name}`` is a file taken along,
``files`` as ``[name, bytes]``, ``timeout`` in seconds), then the files' contents. The stream stays open for as long as
somebody waits: its end means that nobody does, and the program is killed. Standard output: :data:`MARK` and JSON, first
``"started"``, last an object with ``status``, ``out``, ``err`` and ``folder`` of the program, or with a ``failure``.

The files lie in a fresh private folder, which is removed whatever happens. Jobs of one user wait for each other: two
measurements at a time would measure each other.

The text is run by whatever Python the device has, so it must *parse* in every version: no f-strings, ASCII only.
"""

# ruff: noqa: B904, SIM105, UP031

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

MARK = "edgeprune-device: "
OLDEST = (3, 8)


class Failure(Exception):
    """Something to tell the other side: a kind, and words."""


def main(stream):
    if sys.version_info < OLDEST:
        answer({"failure": "old", "text": "%s is Python %d.%d" % ((sys.executable,) + tuple(sys.version_info[:2]))})
        return
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        answer(serve(stream))
    except Failure as failure:
        answer({"failure": failure.args[0], "text": str(failure.args[1])})


def serve(stream):
    job = json.loads(stream.readline())
    with_limit(job["timeout"], "busy")
    turn = take_turn()
    with_limit(job["timeout"], "time")
    folder = None
    try:
        try:
            folder = tempfile.mkdtemp(prefix="edgeprune-")
            receive(stream, job["files"], folder)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            where = os.path.dirname(folder) if folder else "the folder for temporary files"
            raise Failure("full" if full else "folder", "%s: %s" % (where, error.strerror))
        answer("started")
        return run(job, folder)
    finally:
        with_limit(0, None)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        if turn is not None:
            os.close(turn)


def with_limit(seconds, kind):
    """End what follows after ``seconds`` (0: never) with a failure of this kind."""

    def ring(number, frame):
        raise Failure(kind, seconds)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def stop(number, frame):
    sys.exit(128 + number)


def take_turn():
    """Wait until no other job of this user runs; a lock on the home folder leaves no file behind."""
    import fcntl

    try:
        handle = os.open(os.path.expanduser("~"), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:  # some network file systems have no locks
        os.close(handle)
        return None
    return handle


def receive(stream, files, folder):
    for name, size in files:
        with open(os.path.join(folder, name), "wb") as target:
            while size:
                part = stream.read(min(size, 1 << 20))
                if not part:
                    raise Failure("lost", "the connection ended while files were sent")
                target.write(part)
                size -= len(part)


def run(job, folder):
    command = [os.path.expanduser(job["python"])]
    command += [os.path.join(folder, a["file"]) if isinstance(a, dict) else a for a in job["arguments"]]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(os.environ, TMPDIR=folder), start_new_session=True, **pipes
        )
    except OSError as error:
        raise Failure("python", error)
    threading.Thread(target=watch, args=(process,), daemon=True).start()
    try:
        out, err = process.communicate()
    finally:
        kill(process)
    texts = {"out": out.decode("utf-8", "replace"), "err": err.decode("utf-8", "replace")}
    return dict(texts, status=process.returncode, folder=folder)


def watch(process):
    """Kill the program when nobody waits for it any more."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    kill(process)


def kill(process):
    """The program and what it has started: its session is its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass


def answer(value):
    # A start-up file of the login shell may have printed something without an end of line.
    sys.stdout.write("\n" + MARK + json.dumps(value) + "\n")
    sys.stdout.flush()
