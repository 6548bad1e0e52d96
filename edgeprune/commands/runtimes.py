"""List the runtimes that networks can be measured in, and which of them this machine has."""

from argparse import ArgumentParser, Namespace
from importlib import metadata

from edgeprune.names import RUNTIMES


def arguments(parser: ArgumentParser) -> None:
    parser.epilog = "Another device has its own: install them there, for the Python that its settings name."


def run(args: Namespace) -> None:
    from edgeprune.measuring.convert import CONVERTERS

    for name, (engine, _) in RUNTIMES.items():
        needed = [engine, *(CONVERTERS[engine][:1] if engine in CONVERTERS else ())]
        print(f"{name:15}{', '.join(map(_version, needed))}")


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} is not here (pip install {package})"
