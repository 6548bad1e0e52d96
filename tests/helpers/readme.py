"""The README's blocks of code."""

import re

from helpers.workflow import ROOT


def blocks():
    """``[(language, code)]``."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def commands(beginning=""):
    """Those that begin so, without comments."""
    found = [
        line[2:].partition("  #")[0].strip() for _, code in blocks() for line in code.splitlines() if line[:2] == "$ "
    ]
    return [command for command in found if command.startswith(beginning)]


def network():
    """The code of the user's network."""
    (code,) = [code for language, code in blocks() if language == "python"]
    return code
