"""Starts the program from a folder, from a zip or as a module. It has to parse in any Python 3."""

# ruff: noqa: UP031

import os
import sys
import types

OLDEST = (3, 8)

if __name__ == "__main__":
    if sys.version_info < OLDEST:
        found = tuple(sys.version_info[:2])
        sys.exit("%s is Python %d.%d; this program needs Python %d.%d or newer" % ((sys.executable,) + found + OLDEST))
    if __package__:
        from .command import main
    else:  # a folder of any name, or a zip: a package by the name that its own files do not mind
        package = types.ModuleType("standalone")
        package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
        sys.modules["standalone"] = package
        from standalone.command import main
    sys.exit(main())
