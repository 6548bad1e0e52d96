"""Work in a process of its own, whose result comes back as JSON."""

import json
import os
import subprocess
import sys
import traceback

from .failures import UNRUNNABLE, USAGE, Failure


def start(task, options):
    """This program anew, from a fresh Python, for one of ``command.TASKS``."""
    program = os.path.dirname(os.path.abspath(__file__))
    command = [sys.executable, program, *options.argv, "--task", task]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def finish(process):
    """What it printed; its failure is ours."""
    out, err = process.communicate()
    lines = err.strip().splitlines()
    if USAGE <= process.returncode <= UNRUNNABLE and lines:
        raise Failure(process.returncode, lines[-1])
    if process.returncode:
        said = lines[-1] if lines else f"a process of its own ended with status {process.returncode}"
        raise Failure(UNRUNNABLE, said)
    return json.loads(out)


def forked(function):
    """What ``function()`` returns in a copy of this process, which has imported the runtime already."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reading)
            try:
                answer = {"result": function()}
            except Failure as failure:
                answer = {"failure": [failure.status, str(failure)]}
            with os.fdopen(writing, "w") as stream:
                json.dump(answer, stream)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    if status:
        number = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        raise Failure(UNRUNNABLE, f"a round's process ended with status {number}")
    answer = json.loads(said)
    if "failure" in answer:
        raise Failure(*answer["failure"])
    return answer["result"]
