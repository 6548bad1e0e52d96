"""How long sampling takes, and what the default floor does. Imports neither torch nor pandas.

    python benchmarks/sampling.py speed [PROFILE]      1,000 plans in one process; default: ResNet-50 at 32 x 32
    python benchmarks/sampling.py floors [PROFILE …]   narrow layers by floor and target; default: the usual four nets

Without a profile, the networks of config.yaml are profiled first, in another process (that needs torch).
"""

import argparse
import itertools
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgeprune.complexity.profile import Profile
from edgeprune.errors import EdgepruneError
from edgeprune.names import COUNTED
from edgeprune.sampling.problem import Problem
from edgeprune.sampling.sample import sample_many

NETWORKS = ("vgg16", "alexnet", "mobilenetv2", "resnet50")
TARGETS = (0.5, 0.7, 0.9)
FLOORS = (1, 0.05, 0.1, 0.2)
SEEDS = range(10)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "floors"))
    parser.add_argument("profiles", nargs="*")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(argv)
    if args.what == "speed":
        speed((args.profiles or made(["resnet50"]))[0], args.repeats)
    else:
        floors(args.profiles or made(NETWORKS))
    assert not {"torch", "pandas"} & set(sys.modules)


def made(networks):
    """Profiles of networks in config.yaml, made in another process."""
    folder = Path(tempfile.mkdtemp(prefix="edgeprune-"))
    for name in networks:
        command = [sys.executable, "-m", "edgeprune", "profile", name, "--out", folder / f"{name}.json"]
        subprocess.run([*command, "--classes", "10"], check=True, stdout=subprocess.DEVNULL)
    return [folder / f"{name}.json" for name in networks]


def speed(path, repeats):
    """Seconds from the profile's file to 1,000 plans or more, for several mixes of seeds, modes and targets."""
    print(f"{Profile.load(path).network}; Python {platform.python_version()}, {platform.machine()}")
    print("| plans | seeds | modes | targets | median, s | least, s | most, s |\n|---|---|---|---|---|---|---|")
    for modes, targets, seeds in (
        (list(COUNTED), [0.3, 0.5, 0.7], 112),
        (list(COUNTED), [0.3, 0.4, 0.5, 0.6, 0.7], 67),
        (list(COUNTED), [0.5], 334),
        (["FA"], [0.5], 1000),
        (["PA"], [0.7], 1000),
    ):
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            plans = sample_many(path, modes, targets, range(seeds))
            seconds.append(time.perf_counter() - start)
        seconds.sort()
        cells = [len(plans), seeds, " ".join(modes), " ".join(map(str, targets))]
        cells += [f"{s:.2f}" for s in (seconds[len(seconds) // 2], seconds[0], seconds[-1])]
        print("| " + " | ".join(map(str, cells)) + " |")


def floors(paths):
    """For each floor: groups one unit wide / below a tenth of their width / at the floor, means over the seeds."""
    columns = [f"{mode} {target:.0%}" for mode, target in itertools.product(COUNTED, TARGETS)]
    print("| network (groups) | min_channels | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 2) + "|")
    for path, floor in itertools.product(paths, FLOORS):
        profile = Profile.load(path)
        cells = [_cell(profile, mode, target, floor) for mode, target in itertools.product(COUNTED, TARGETS)]
        print(f"| {profile.network} ({len(profile.groups)}) | {floor} | " + " | ".join(cells) + " |")


def _cell(profile, mode, target, floor):
    try:
        plans = sample_many(profile, [mode], [target], SEEDS, min_channels=floor).values()
    except EdgepruneError as error:
        return "at most " + str(error).split("at most ")[1].split(",")[0]
    pairs = [(plan.widths[g], dense) for plan in plans for g, dense in plan.dense_widths.items()]
    one = sum(kept == 1 for kept, _ in pairs) / len(SEEDS)
    narrow = sum(kept < dense / 10 for kept, dense in pairs) / len(SEEDS)
    least = Problem(profile, min_channels=floor).floor
    at_floor = sum(kept == low < dense for (kept, dense), low in zip(pairs, itertools.cycle(least))) / len(SEEDS)
    return f"{one:.1f} / {narrow:.1f} / {at_floor:.1f}"


if __name__ == "__main__":
    main()
