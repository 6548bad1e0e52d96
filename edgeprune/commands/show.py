"""Show what plans keep of each layer, as a table in the terminal and, with --out, as a picture."""

from argparse import ArgumentParser, Namespace

from edgeprune import files
from edgeprune.commands import options
from edgeprune.errors import EdgepruneError


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="plans of one network, or one profile")
    parser.add_argument("--out", metavar="FILE", help="draw the plans here: .png, .svg or .pdf")
    options.add_json(parser)


def run(args: Namespace) -> None:
    from edgeprune.commands.tables import plan_table, profile_table
    from edgeprune.complexity.profile import FORMAT as PROFILE
    from edgeprune.complexity.profile import Profile
    from edgeprune.sampling.plan import Plan

    first = files.read_json(args.files[0])
    if isinstance(first, dict) and first.get("format") == PROFILE:
        if len(args.files) > 1 or args.out:
            raise EdgepruneError("a profile is shown alone, as a table", file=args.files[0], remedy="name plans only")
        profile = Profile.load(args.files[0])
        options.show(args, lambda: profile.to_json(), lambda: profile_table(profile))
        return
    plans = [Plan.load(path) for path in args.files]
    for path, plan in zip(args.files, plans):
        if plan.profile_digest != plans[0].profile_digest:
            raise EdgepruneError(
                f"is a plan of another network ({plan.network}) than {args.files[0]} ({plans[0].network})",
                file=path,
                remedy="show the plans of one network together",
            )
    options.show(args, lambda: [plan.to_json() for plan in plans], lambda: plan_table(plans))
    if args.out is not None:
        from edgeprune.commands.picture import draw_plans

        draw_plans(plans, args.out)
