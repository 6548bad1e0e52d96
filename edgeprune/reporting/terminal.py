"""Text that fits the terminal, or 100 columns where there is none; never what another program reads."""

import shutil
import textwrap
from collections.abc import Collection, Iterable, Sequence

COLUMNS = 100


def width() -> int:
    """Of the terminal (or ``COLUMNS``)."""
    return shutil.get_terminal_size((COLUMNS, 24)).columns


def shorten(text: str, length: int) -> str:
    """``text`` with its middle left out if it is longer: names differ at both ends."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def wrap(lines: Iterable[str]) -> list[str]:
    """Sentences over as many lines as they take, each with its indentation. What is indented by four or more is a
    command or a path, to be copied as a whole."""
    wrapped = []
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        whole = len(indent) >= 4 or not line
        wrapped += [line] if whole else textwrap.wrap(line, width(), subsequent_indent=indent, break_on_hyphens=False)
    return wrapped


def table(rows: Sequence[Sequence[str] | None], right: Collection[int] = (), keep: int = 1, indent: str = "") -> str:
    """Columns padded to equal width, two spaces apart; None is an empty line. The first column takes a third of the
    width at most. What does not fit beside each other comes below, with the first ``keep`` columns again."""
    room = width() - len(indent)
    full = [[shorten(row[0], room // 3), *row[1:]] if row else None for row in rows]
    filled = [row for row in full if row]
    widths = [max(len(row[i]) for row in filled) for i in range(len(filled[0]))]
    blocks = [list(range(keep))]
    for column in range(keep, len(widths)):
        if len(blocks[-1]) > keep and sum(widths[i] + 2 for i in [*blocks[-1], column]) - 2 > room:
            blocks.append(list(range(keep)))
        blocks[-1].append(column)
    parts = []
    for block in blocks:
        lines = []
        for row in full:
            cells = [row[i].rjust(widths[i]) if i in right else row[i].ljust(widths[i]) for i in block] if row else []
            lines.append((indent + "  ".join(cells)).rstrip())
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
