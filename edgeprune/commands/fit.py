"""From a network and a folder of images to the network to take: write a preset, run it, recommend."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from edgeprune import files
from edgeprune.commands import recommend, workflow
from edgeprune.errors import EdgepruneError

#: Limits of `recommend` that are handed on.
LIMITS = recommend.NAMES
TARGETS, SEEDS = [0.3, 0.5, 0.7], [0, 1]
#: Epochs: as many as fit into the time, between these.
FEWEST, MOST = 5, 60
SECONDS = 1  # that a network is timed for
#: Of a job beside its work: Python starts and packages are imported.
START = 8
_RESTORING = {"optimizer": "adamw", "lr": 0.003, "weight_decay": 0.0001, "patch": 32, "patches_per_image": 64}
#: How a network is trained whose recipe nobody has searched: by the kind of its task's targets.
RECIPES: dict[str, dict[str, Any]] = {
    "class": {"batch_size": 16, "lr": 0.05, "warmup_epochs": 1, "augment": ["flip"]},
    "mask": {"batch_size": 8, "lr": 0.05, "warmup_epochs": 1, "augment": ["flip"]},
    "boxes": {"batch_size": 16, "optimizer": "adamw", "lr": 0.003, "warmup_epochs": 1, "augment": ["flip"]},
    "image": {"batch_size": 16, **_RESTORING, "augment": ["flip", "rotate"]},
}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("network", metavar="NETWORK", help="path/file.py:factory or package.module:factory")
    parser.add_argument("--data", required=True, metavar="FOLDER", help="folder or archive of images, see docs/fit.md")
    parser.add_argument("--args", default="{}", help="arguments of the factory, as a JSON object")
    parser.add_argument("--task", help="where the layout leaves a choice: denoising or super-resolution")
    parser.add_argument("--size", metavar="HxW", help="of the images that the network sees, e.g. 64x64")
    parser.add_argument("--device", default="local", metavar="D", help="a name under `devices` (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="about how long it may take (default: %(default)s)")
    parser.add_argument(
        "--name", help="of the preset and of the results' folder (default: the file's or the factory's)"
    )
    for name in LIMITS:
        parser.add_argument(f"--{name}", metavar="AMOUNT", help=f"limit, as in `edgeprune recommend --{name}`")
    parser.add_argument("--accuracy", dest="score", metavar="SCORE", help="another name of --score")


def run(args: Namespace) -> None:
    from edgeprune.config.check import schema

    root = workflow.checkout()
    name = args.name or _name(args.network)
    if not re.match(schema()["$defs"]["name"]["pattern"], name):  # it becomes a file and folders
        raise EdgepruneError(f"{name!r} cannot be a name", key="--name", remedy="letters, digits, dots and dashes")
    preset, said = _preset(args, name)
    file, log = root / "presets" / f"{name}.yaml", root / "logs" / name / "fit.log"
    stored = _stored(file, preset, name)
    if not stored:
        print("\n".join(["Assumed:", *(f"  {line}" for line in said)]))
        _write(file, preset)
        try:
            workflow.run(name, log, ["profile"], "looking at the images and the network: ")
            preset["recipes"][name]["epochs"], told = _epochs(root / "results" / name, preset, name, args.minutes)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        _write(file, preset)
        print(told)
    else:
        if stored.get("limits") != preset["limits"]:
            _write(file, {**stored, "limits": preset["limits"]})
        print(f"Going on with presets/{name}.yaml, which asks the same.")
    print(f"All that is said meanwhile: {log.relative_to(root)}", flush=True)
    workflow.run(name, log)
    print()
    _answer(name, root)


def _name(network: str) -> str:
    """Of a file its name, of a module's factory the factory's."""
    place, _, factory = network.rpartition(":")
    said = Path(place).stem if place.endswith(".py") else factory
    return re.sub(r"[^A-Za-z0-9]+", "-", said).strip("-").lower()


def _preset(args: Namespace, name: str) -> tuple[dict[str, Any], list[str]]:
    from edgeprune import tasks
    from edgeprune.commands.network import spec
    from edgeprune.config.load import read_yaml
    from edgeprune.data.recognise import recognise
    from edgeprune.reporting import choice

    given = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", args.size or "")
    if args.size and not given:
        raise EdgepruneError(f"{args.size!r} is no size", key="--size", remedy="write height and width: 64x64")
    if not args.minutes > 0:
        raise EdgepruneError(f"{args.minutes:g} is not above 0", key="--minutes")
    devices = read_yaml("config.yaml").get("devices", {})
    if args.device not in devices:
        remedy = f"one of {', '.join(devices)}, or add it there (docs/devices.md)"
        raise EdgepruneError(f"there is no device {args.device!r}", file="config.yaml", key="devices", remedy=remedy)
    size = [int(side) for side in given.groups()] if given else None
    data, said = recognise(args.data, args.task, size)
    args.config = "config.yaml"
    task = tasks.get(data["task"], key="--task")
    choice.constraints(recommend.given(args), task.headline)  # a wrong one should not cost a training first
    recipe = RECIPES[task.targets]
    said.append("a recipe that suits many networks, not the best of yours: "
                + ", ".join(f"{key} {value}" for key, value in recipe.items()))  # fmt: skip
    return {
        "title": f"{name}: {data['task']} on {Path(args.data).name}",
        "datasets": {name: data},
        "networks": {name: spec(args)},
        "recipes": {name: {"epochs": FEWEST, **recipe}},
        "sampling": {name: {"round_to": 8}},
        "pairs": [{"network": name, "dataset": name}],
        "modes": ["MA" if args.memory and not args.latency else "FA"],
        "targets": TARGETS,
        "seeds": SEEDS,
        "references": {"dense": {}, "uniform": {}},
        "devices": {args.device: {"seconds": SECONDS}},
        "measure_on": [args.device],
        "limits": {"device": args.device, **recommend.given(args)},
    }, said


def _stored(file: Path, preset: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The preset of an earlier call that asked the same, limits aside; its epochs stay.

    Raises:
        EdgepruneError: the file is there, and asks something else.
    """
    from edgeprune.config.load import read_yaml

    if not file.is_file():
        return None
    stored = read_yaml(file)
    epochs = (stored.get("recipes", {}).get(name) or {}).get("epochs")
    asked = {**preset, "recipes": {name: {**preset["recipes"][name], "epochs": epochs}}, "modes": stored.get("modes")}
    different = sorted(key for key in stored.keys() | asked.keys() if stored.get(key) != asked.get(key))
    if different and different != ["limits"]:
        problem = f"is there already, and asks something else ({', '.join(different)})"
        raise EdgepruneError(problem, file=file, key="--name", remedy="give another --name, or remove that file")
    return stored


def _write(file: Path, preset: dict[str, Any]) -> None:
    import yaml

    text = "# Written by `edgeprune fit`; yours to change.\n"
    files.write_text(file, text + yaml.safe_dump(preset, sort_keys=False, width=110))


def _epochs(results: Path, preset: dict[str, Any], name: str, minutes: float) -> tuple[int, str]:
    """How many epochs fit into the time, and a sentence on what will be done."""
    from edgeprune import tasks
    from edgeprune.config.recipe import Recipe
    from edgeprune.data.store import load_manifest
    from edgeprune.training.pace import seconds_per_image

    manifest = load_manifest(results / "fetch_dataset" / name)
    recipe = Recipe.from_dict(preset["recipes"][name])
    pace = seconds_per_image(preset["networks"][name], name, tasks.bind(manifest), recipe)
    images = manifest["splits"]["train"]["count"] * (recipe.patches_per_image or 1)
    left = [1.0, *(1 - target for target in TARGETS for _ in ("complexity", "uniform"))]
    runs, cores = len(left) * len(SEEDS), os.cpu_count() or 1
    epoch = pace * images * sum(left) * len(SEEDS) / cores
    others = runs * (START / cores + 2 * SECONDS + START) + 10 * START
    epochs = max(FEWEST, min(MOST, int((60 * minutes - others) / epoch)))
    told = f"{runs} networks, {epochs} epochs each, by estimate {workflow.duration(others + epochs * epoch)}"
    if others + epochs * epoch > 90 * minutes:
        told += f"; {FEWEST} epochs are the fewest, so --minutes {minutes:g} cannot be kept"
    return epochs, f"{told}."


def _answer(name: str, root: Path) -> None:
    from edgeprune.config.load import read_yaml
    from edgeprune.reporting import answer

    results = Path("results", name)
    (found,) = answer.answers(results, read_yaml(root / results / "config.yaml"))
    print(answer.text([found]))
    print("\nBy hand, in full and with other limits:")
    print(f"  snakemake --cores all --config preset={name}")
    print(f"  {found.command}")
    print(f"In Python: `edgeprune.load(CHECKPOINT)` is the module. Figures: {results}/draw_figures/")
    if not found.model:
        raise recommend.Unsatisfied("no network satisfies all limits", remedy="see above what is nearest")
