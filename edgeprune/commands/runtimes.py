"""List the runtimes that a device can be asked for, and which of them are installed on this machine."""

from argparse import ArgumentParser, Namespace

from edgeprune.names import RUNTIMES


def arguments(parser: ArgumentParser) -> None:
    pass


def run(args: Namespace) -> None:
    from edgeprune.measuring.convert import CONVERTERS, installed
    from edgeprune.measuring.standalone import runtimes
    from edgeprune.measuring.standalone.failures import Failure

    for name, (engine, _) in RUNTIMES.items():
        try:
            said = f"{engine} {runtimes.RUNTIMES[engine].package().__version__}"
        except Failure as failure:
            said = f"not here: {failure}"
        if engine in CONVERTERS:
            said += "; " + ("pnnx converts" if installed() else "not here: ")
        print(f"{name:15}{said}")
