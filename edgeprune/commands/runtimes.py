"""List the runtimes that networks can be measured in, and which of them this machine has."""

from argparse import ArgumentParser, Namespace
from importlib import metadata

from edgeprune.commands import options
from edgeprune.names import RUNTIMES


def arguments(parser: ArgumentParser) -> None:
    parser.epilog = "Another device has its own: install them there, for the Python that its settings name."
    options.add_json(parser)


def run(args: Namespace) -> None:
    found = packages()
    options.show(
        args,
        lambda: [{"name": name, "packages": has} for name, has in found.items()],
        lambda: "\n".join(f"{name:15}{', '.join(told(*each) for each in has.items())}" for name, has in found.items()),
    )


def packages() -> dict[str, dict[str, str | None]]:
    """Of each runtime the packages that it needs here, with their versions; None of one that is not here."""
    from edgeprune.measuring.convert import CONVERTERS

    needed = {name: [engine, *CONVERTERS.get(engine, ())[:1]] for name, (engine, _) in RUNTIMES.items()}
    return {name: {package: version(package) for package in has} for name, has in needed.items()}


def version(package: str) -> str | None:
    """Of an installed package, which is not imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def told(package: str, found: str | None) -> str:
    return f"{package} {found}" if found else f"{package} is not here (pip install {package})"
