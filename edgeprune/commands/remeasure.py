"""Forget measurements of devices that were not there, or of an earlier format: the next snakemake makes them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeprune.commands import options
from edgeprune.errors import EdgepruneError


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--results", required=True, metavar="FOLDER", help="results/<preset>")
    parser.add_argument("--device", metavar="NAME", help="of this device only (default: of all)")
    parser.add_argument("--all", action="store_true", help="those with numbers too, e.g. after `edgeprune calibrate`")
    options.add_json(parser)


def run(args: Namespace) -> None:
    from edgeprune.measuring import absence

    folder = Path(args.results)
    if not (folder / "measure_model").is_dir():
        raise EdgepruneError("holds no measurements", file=folder, key="--results", remedy="name results/<preset>")
    known = sorted(path.name for path in (folder / "measure_model").iterdir() if path.is_dir())
    if args.device and args.device not in known:
        raise EdgepruneError(
            f"{args.device} has no measurements in {folder}", key="--device", remedy=f"one of: {', '.join(known)}"
        )
    found = absence.to_make_again(folder, args.device and [args.device], args.all)
    for path in (path for paths in found.values() for path in paths):
        path.unlink()
    options.show(
        args,
        lambda: {device: list(map(str, paths)) for device, paths in found.items()},
        lambda: "\n".join(_told(found, folder, args.device)),
    )


def _told(found: Mapping[str, Sequence[Path]], folder: Path, device: str | None) -> list[str]:
    if not found:
        only = f" ({device})" if device else ""
        return [f"nothing to do: every device was there, every file is of this format{only}"]
    lines = [f"{device}: {len(paths)} measurements will be made again" for device, paths in found.items()]
    return [*lines, f"now: snakemake --cores all --config preset={folder.resolve().name}"]
