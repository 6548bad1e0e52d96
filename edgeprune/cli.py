"""The command ``edgeprune``: profile a network, sample a plan, prune, show; calibrate, measure again, choose."""

import argparse
from collections.abc import Sequence

import edgeprune
from edgeprune import entrypoint
from edgeprune.commands import calibrate, fit, new, profile, prune, recommend, remeasure, runtimes, sample, show

EXAMPLES = """\
examples:
  edgeprune profile torchvision.models:resnet18 --input 3x32x32 --classes 10 --out profile.json
  edgeprune sample profile.json --mode FA --target 0.5 --seed 0 --out plan.json
  edgeprune show plan.json --out plan.png
  edgeprune prune torchvision.models:resnet18 plan.json --input 3x32x32 --classes 10 --out pruned.pt
  edgeprune recommend --results results/quick --dataset digits --latency 1ms --accuracy 90%

NETWORK is a name under `networks` in config.yaml, package.module:factory, or path/file.py:factory.
"""


def parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    top = argparse.ArgumentParser(
        prog="edgeprune",
        description="Complexity-driven structured pruning of CNNs at initialisation.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"edgeprune {edgeprune.__version__}")
    commands = top.add_subparsers(title="commands", dest="command", required=True)
    for module in (fit, new, profile, sample, prune, show, calibrate, remeasure, recommend, runtimes):
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
    args.run(args)
