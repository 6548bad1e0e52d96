"""Run a command on an emulated terminal of 80 x 24 and write what its screen showed: docs/recording.txt is `make`'s.

python docs/recording.py docs/recording.txt make
"""

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

WIDTH, HEIGHT = 80, 24
_TOKENS = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]+|\x1b")


class Screen:
    """As much of a terminal as a display that changes in place uses.

    ``scrolled``: the lines that left at the top. ``process``: the command that is shown, once `run` has started it.
    """

    process = None

    def __init__(self, width=WIDTH, height=HEIGHT):
        self.width, self.height = width, height
        self.lines, self.scrolled, self.row, self.column = [""], [], 0, 0

    def feed(self, text):
        for token in _TOKENS.finditer(text):
            if token[0] == "\r":
                self.column = 0
            elif token[0] == "\n":
                self._down()
            elif token[2] == "A":
                self.row = max(self.row - int(token[1] or 1), 0)
            elif token[2] == "K":
                self.lines[self.row] = "" if token[1] == "2" else self.lines[self.row][: self.column]
            elif token[0][0] != "\x1b":
                self._write(token[0])

    def _write(self, text):
        while text:
            if self.column == self.width:
                self._down()
                self.column = 0
            part, text = text[: self.width - self.column], text[self.width - self.column :]
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + part + line[self.column + len(part) :]
            self.column += len(part)

    def _down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")
        if len(self.lines) > self.height:
            self.scrolled.append(self.lines.pop(0))
            self.row -= 1

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")


def run(command, screen, env=None, **options):
    """Run ``command`` on ``screen``, in ``env`` or in what a usual terminal gives.

    Returns its exit status and ``[(seconds since the start, what was shown)]``.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", screen.height, screen.width, 0, 0))
    started, frames, decoder = time.monotonic(), [], codecs.getincrementaldecoder("utf-8")("replace")
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    env = env or {**inherited, "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, **options) as process:
        screen.process = process
        os.close(theirs)
        while True:
            try:
                read = os.read(ours, 65536)
            except OSError:  # how a terminal says that nobody writes to it any more
                break
            screen.feed(decoder.decode(read))
            frames.append((time.monotonic() - started, screen.text()))
    os.close(ours)
    return process.returncode, frames


def main(out, *command):
    status, frames = run(command, Screen())
    moments = [frames[-1][0] * part / 4 for part in (1, 2, 3)]
    shown = [next(frame for frame in frames if frame[0] >= moment) for moment in moments] + frames[-1:]
    text = "".join(f"──── after {seconds:.0f} s {'─' * 60}\n{screen}\n\n" for seconds, screen in shown)
    Path(out).write_text(f"$ {' '.join(command)}\n\n{text}", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
