"""Measure a network's complexity: its layers, its groups of coupled channels and what they cost."""

from argparse import ArgumentParser, Namespace

from edgeprune.commands import network, options


def arguments(parser: ArgumentParser) -> None:
    network.arguments(parser)
    parser.add_argument(
        "--out", metavar="FILE", help="write the profile here, as JSON; without it, only the table is shown"
    )
    options.add_json(parser)


def run(args: Namespace) -> None:
    from edgeprune.commands.tables import profile_table

    options.check_out(args.out, args.network)
    profile = network.profile_of(args, network.build(args))
    if args.out is not None:
        profile.save(args.out)
    options.show(args, lambda: profile.to_json(), lambda: profile_table(profile))
