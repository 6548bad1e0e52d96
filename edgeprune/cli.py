"""The command ``edgeprune``: profile a network, sample a plan, prune, show; calibrate, measure again, choose."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import edgeprune
from edgeprune import entrypoint
from edgeprune.commands import (
    calibrate,
    doctor,
    explain,
    fit,
    new,
    profile,
    prune,
    recommend,
    remeasure,
    runtimes,
    sample,
    show,
)
from edgeprune.errors import EdgepruneError

EXAMPLES = """\
examples:
  edgeprune profile torchvision.models:resnet18 --input 3x32x32 --classes 10 --out profile.json
  edgeprune sample profile.json --mode FA --target 0.5 --seed 0 --out plan.json
  edgeprune show plan.json --out plan.png
  edgeprune prune torchvision.models:resnet18 plan.json --input 3x32x32 --classes 10 --out pruned.pt
  edgeprune recommend --results results/quick --dataset digits --latency 1ms --accuracy 90%

NETWORK is a name under `networks` in config.yaml, package.module:factory, or path/file.py:factory.
"""


class Completion(argparse.Action):
    """Print what lets a shell complete the command; made where it is asked for."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        try:
            import shtab
        except ModuleNotFoundError as error:
            remedy = "pip install 'edgeprune[pipeline]'"
            raise EdgepruneError("the shtab package is not installed", remedy=remedy) from error
        (commands,) = (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        files = dict.fromkeys(("FILE", "PLAN", "PROFILE"), shtab.FILE) | {"FOLDER": shtab.DIRECTORY}
        for action in (action for command in commands.values() for action in command._actions):
            if action.metavar in files:
                setattr(action, "complete", files[action.metavar])  # noqa: B010
        print(shtab.complete(parser, shell=values))
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    top = argparse.ArgumentParser(
        prog="edgeprune",
        description="Complexity-driven structured pruning of CNNs at initialisation.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"edgeprune {edgeprune.__version__}")
    top.add_argument(
        "--print-completion", action=Completion, choices=("bash", "zsh", "tcsh"), help="what lets a shell complete this"
    )
    commands = top.add_subparsers(title="commands", dest="command", required=True)
    for module in (fit, new, profile, explain, sample, prune, show, calibrate, remeasure, recommend, runtimes, doctor):
        name = module.__name__.rpartition(".")[2]
        summary = module.__doc__.partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.arguments(command)
        command.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 1 after a user's error, 2 for a wrong command line (from argparse), 3 if no
    run satisfies what `recommend` was asked for."""
    return entrypoint.run(_run, argv)


def _run(argv: Sequence[str] | None) -> None:
    args = parser().parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except IsADirectoryError as error:
        raise EdgepruneError("is a folder, where a file is wanted", file=error.filename) from error
    except NotADirectoryError as error:
        raise EdgepruneError("there is no such file", file=error.filename) from error
    except BrokenPipeError:  # of `| head`: what read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
