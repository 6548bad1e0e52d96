"""Note that it began, do what the first attempt was told to, write the output: train.py OUTPUT SEED [ORDER]

Orders: `eat`: take 400 MB. `stop`: until told to by SIGTERM, and then as a training that keeps its state. `sleep`: ten
minutes. `wait`: until a file `go` is there, whichever attempt it is. `fail`: as by a mistake, whichever attempt it is.
"""

import os
import signal
import sys
import time
from pathlib import Path

from edgeprune import files

output, seed, order = (*sys.argv[1:], "")[:3]
begun = Path("begun") / output.replace("/", "-")
begun.parent.mkdir(exist_ok=True)
first = not begun.exists()
with begun.open("a") as stream:
    print(
        os.getpid(), os.environ.get("SLURMD_NODENAME"), os.environ.get("CUDA_VISIBLE_DEVICES"), file=stream, flush=True
    )
if order == "fail":
    sys.exit("error: a mistake")
if order == "wait":
    while not Path("go").exists():
        time.sleep(0.2)
if first and order == "eat":
    eaten = bytearray(os.urandom(1 << 20) * 400)
    time.sleep(30)
if first and order == "stop":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    time.sleep(200)
if first and order == "sleep":
    time.sleep(600)
files.write_text(output, f"trained with seed {seed}\n")
