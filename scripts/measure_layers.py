"""Make a device's table of layer costs for one network: what the modes LA and EA draw their plans from."""

import argparse
import json
import sys

from edgeprune import entrypoint


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    entrypoint.add_network(parser)
    parser.add_argument("--profile", required=True, help="profile.json of the dense network")
    parser.add_argument("--settings", default={}, type=json.loads, help="of sampling, as JSON: widths plans can have")
    parser.add_argument("--device", required=True, type=json.loads, help="the device's settings, as JSON")
    parser.add_argument("--device-name", required=True)
    parser.add_argument(
        "--levels", type=int, help="widths of each group: 3, 5 or 7 (default: 3, or 5 where 3 do not suffice)"
    )
    parser.add_argument("--seconds", type=float, help="for each network, about (default 0.6; no more than the device)")
    parser.add_argument("--energy", action="store_true", help="energy too, from the source that the device names")
    parser.add_argument("--out", required=True, help="table.json to write")
    args = parser.parse_args(argv)

    import torch

    from edgeprune import files, tasks
    from edgeprune.complexity.profile import Profile
    from edgeprune.data.store import load_manifest
    from edgeprune.measuring.layers.measure import measure
    from edgeprune.networks.resolve import build

    torch.set_num_threads(1)
    seconds = args.seconds or min(0.6, args.device.get("seconds", 0.6))
    task = tasks.bind(load_manifest(args.data))
    model = build(args.spec, name=args.network, **task.factory_arguments())
    table = measure(
        args.device_name, args.device, model, Profile.load(args.profile),
        settings=args.settings, levels=args.levels, seconds=seconds, energy=args.energy,
    )  # fmt: skip
    files.write_json(args.out, table)
    print(
        f"{args.network} on {args.device_name}: dense {table['dense_ms']:.3f} ms, {len(table['networks'])} networks",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(entrypoint.run(main))
