"""Draw the plan of one grid cell: from a profile, by a method, to a target. Needs neither torch nor Snakemake."""

import argparse
import json
import sys

from edgeprune import entrypoint
from edgeprune.errors import EdgepruneError
from edgeprune.sampling import health
from edgeprune.sampling.sample import sample

SETTINGS = ("budget", "prunable", "min_channels", "protect", "round_to", "draw")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", required=True, help="profile.json of the dense network")
    parser.add_argument("--method", default="complexity", help="complexity, uniform, random or dense")
    parser.add_argument("--mode", help="PA, FA, MA, LA or EA; none for dense or with a budget")
    parser.add_argument("--table", help="for LA and EA: the device's table of layer costs")
    parser.add_argument("--target", type=float, help="fraction to remove; none for dense or with a budget")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", default="{}", help=f"JSON object with any of {', '.join(SETTINGS)}")
    parser.add_argument("--out", required=True, help="where the plan goes")
    args = parser.parse_args(argv)
    settings = _settings(args.settings, "--settings")
    plan = sample(args.profile, args.mode, args.target, args.seed, method=args.method, table=args.table, **settings)
    plan.save(args.out)
    if warned := health.warning(plan):
        print(f"warning: {warned}", file=sys.stderr)
    reached = ", ".join(f"{r} {100 * fraction:.1f} %" for r, fraction in plan.reduction.items())
    print(
        f"{plan.network} {plan.method} {plan.mode or 'no mode'} seed {plan.seed}, removed: {reached}", file=sys.stderr
    )


def _settings(text, key):
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise EdgepruneError(f"is not JSON ({error})", key=key) from error
    if not isinstance(settings, dict) or not settings.keys() <= set(SETTINGS):
        raise EdgepruneError(f"{text} is not a JSON object of known settings", key=key, remedy=", ".join(SETTINGS))
    return settings


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
