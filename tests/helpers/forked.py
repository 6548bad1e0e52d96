"""Snakemake and the scripts of a workflow in processes that need not import torch and the like first.

Most of a short job is its imports, and the tests start a thousand of them. Here each is forked from a server that has
imported what others have written; of this project a job imports what lies in its working directory, as ever. The server
starts when :func:`environment` is first asked for, and runs until the tests end. A folder stands first on ``PATH``,
with a ``python`` and a ``snakemake`` that ask the server; what else Python may be asked for, they start as ever.

What such a process does not show: a forgotten import of what the server has imported, and other hash seeds from job to
job; in ``/proc`` it has the server's command line. Tests of `make`, wheels, Slurm and kills start processes as ever.
"""

import atexit
import contextlib
import fcntl
import functools
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from importlib import import_module
from pathlib import Path

IMPORTED = (
    *("torch", "torch.onnx", "torch.utils.flop_counter", "numpy", "PIL.Image", "onnxruntime", "sklearn.datasets"),
    *("pandas", "seaborn", "matplotlib.pyplot", "matplotlib.backends.backend_svg", "jinja2", "yaml", "jsonschema"),
    "snakemake.cli",
)
TOOLS = ("python", "snakemake")
MODULES = ("snakemake", "snakemake_logger_plugin_edgeprune")
ADDRESS = "EDGEPRUNE_FORK_SERVER"
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
CLIENT = f"""#!{sys.executable} -IS
import json, os, re, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(os.environ[{ADDRESS!r}])
for number in {[int(number) for number in FORWARDED]}:
    signal.signal(number, lambda number, _: server.send(bytes([number])))
command = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
streams = [0, 1, 2, *(int(number) for word in command for number in re.findall("/dev/fd/([0-9]+)", word))]
request = [command, os.getcwd(), dict(os.environ), streams]
socket.send_fds(server, [json.dumps(request).encode() + b"\\n"], streams)
status = int(server.recv(16) or b"255")
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def environment(given):
    """The environment ``given`` with `python` and `snakemake` as described above, and where that `python` is.

    Where the system lacks what it takes (Linux has it), the environment as it is, and the `python` of these tests.
    """
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return given, sys.executable
    place = _server()
    path = os.pathsep.join([str(place), os.path.dirname(sys.executable), given.get("PATH", os.defpath)])
    return given | {ADDRESS: str(place / "socket"), "PATH": path}, place / "python"


@functools.cache
def _server():
    """The folder of a server that runs until this process ends."""
    place = Path(tempfile.mkdtemp(prefix="fork-server-"))
    for name in TOOLS:
        (place / name).write_text(CLIENT)
        (place / name).chmod(0o755)
    own = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    command, pipe = [sys.executable, "-P", __file__, place], subprocess.PIPE
    process = subprocess.Popen(command, cwd=place, env=own | {"PYTHONHASHSEED": "1"}, stdin=pipe, stdout=pipe)
    assert process.stdout.readline(), "the fork server did not start"
    atexit.register(_end, process, place)
    return place


def _end(process, place):
    process.stdin.close()
    process.wait()
    shutil.rmtree(place)


def serve(place):
    """Until stdin ends: fork a keeper for each request, which forks the job, hands it signals and tells its status."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place / "socket"))
    listener.listen()
    for module in IMPORTED:
        with contextlib.suppress(ImportError):
            import_module(module)
    gc.freeze()  # no job's collector is to look through what is imported here
    print("ready", flush=True)
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # BLAS sees to its own
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while listener in select.select([listener, 0], [], [])[0]:
        asking, _ = listener.accept()
        if not os.fork():
            listener.close()
            _keep(asking, place)
        asking.close()


def _keep(asking, place):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    received, streams, *_ = socket.recv_fds(asking, 1 << 20, 64)
    while not received.endswith(b"\n"):
        part = asking.recv(1 << 20)
        if not part:  # who asked is gone
            os._exit(1)
        received += part
    job = os.fork()
    if not job:
        asking.close()
        _become(*json.loads(received), streams, place)  # does not return
    for stream in (0, 1, *streams):
        os.close(stream)
    ended = os.pidfd_open(job)
    while ended not in select.select([ended, asking], [], [])[0]:
        numbers = asking.recv(16)
        for number in numbers:
            signal.pidfd_send_signal(ended, number)
        if not numbers:  # who asked is gone
            os.killpg(job, signal.SIGKILL)
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    try:
        asking.send(str(status).encode())
    finally:
        os._exit(0)


def _become(command, folder, variables, numbers, streams, place):
    """This process is the command's from here on; its open files have the numbers that they had there."""
    os.setsid()  # a terminal's signals come by way of who asked
    signal.signal(signal.SIGINT, signal.default_int_handler)
    above = [fcntl.fcntl(stream, fcntl.F_DUPFD, 200) for stream in streams]
    for stream in streams:
        os.close(stream)
    for number, high in zip(numbers, above):
        os.dup2(high, number)
        os.close(high)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    status = 1
    try:
        status = _run(command, place)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(command, place):
    tool, *words = command
    words = words if tool == "python" else ["-m", tool, *words]
    script = words[0] if words else ""
    if words[1] not in MODULES if script == "-m" else not script.startswith("scripts/"):
        os.execv(sys.executable, [sys.executable, *words])
    sys.executable = str(place / "python")
    if "PYTHONPATH" in os.environ:
        sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
    if "OMP_NUM_THREADS" in os.environ:  # which torch reads when it is loaded
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    sys.modules["numpy"].random.seed()
    try:
        if script == "-m":
            sys.argv = words[1:]
            sys.path[:0] = [os.getcwd()] if tool == "python" else []
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
            runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
