"""Measure networks beside themselves on a device: how often its intervals hold 1, and what difference it can tell."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from edgeprune.commands import options
from edgeprune.errors import EdgepruneError


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--device", required=True, metavar="NAME", help="a key of devices in config.yaml")
    parser.add_argument("--results", default="results/quick", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--models", nargs="+", metavar="FILE", help="ONNX files (default: FOLDER's dense networks)")
    parser.add_argument(
        "--repeat", type=options.whole("--repeat", 1), default=10, help="times each is measured (default: %(default)s)"
    )
    options.add_json(parser)


def run(args: Namespace) -> None:
    from edgeprune import files
    from edgeprune.config.load import effective
    from edgeprune.measuring import resolution
    from edgeprune.measuring.calibration import calibrate

    folder = Path(args.results)
    if not folder.is_dir():
        raise EdgepruneError("there is no such folder", file=folder, key="--results", remedy="name results/<preset>")
    devices = effective(".", {"preset": folder.resolve().name})["devices"]
    if args.device not in devices:
        raise EdgepruneError(
            f"there is no device {args.device!r}", key="--device", remedy=f"one of: {', '.join(sorted(devices))}"
        )
    models = args.models or _dense(folder)
    if not models:
        remedy = "run the preset, or name files by --models"
        raise EdgepruneError("holds no dense network", file=folder, key="--results", remedy=remedy)
    found = calibrate(args.device, devices[args.device], models, args.repeat)
    path = folder / resolution.PLACE.format(device=args.device)
    files.write_json(path, found)
    options.show(args, lambda: {"file": str(path), **found}, lambda: "\n".join(_told(args.device, found, path)))


def _told(device: str, found: dict[str, Any], path: Path) -> list[str]:
    return [
        f"{device}: {found['covered']} of {found['measurements']} intervals of a network beside itself hold 1",
        f"differences below {found['resolution']:.1%} are not told with these settings; written to {path}",
        f"for measurements that are there: edgeprune remeasure --results {path.parents[1]} --device {device} --all",
    ]


def _dense(folder: Path) -> list[Path]:
    """One of each network."""
    files = sorted(folder.glob("train_network/*/*/dense/seed-*/model.onnx"), reverse=True)
    return sorted({path.parents[2]: path for path in files}.values())
