"""From a network and a folder of images to the network to take: write a preset, run it, recommend."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune import files
from edgeprune.commands import recommend, workflow
from edgeprune.errors import EdgepruneError

if TYPE_CHECKING:
    from edgeprune.reporting.answer import Answer

#: Limits of `recommend` that are handed on.
LIMITS = recommend.NAMES
METHODS = ("complexity", "uniform")
TARGETS, SEEDS = [0.3, 0.5, 0.7], [0, 1]
#: Epochs: as many as fit into the time, between these.
FEWEST, MOST = 5, 60
STEP = 8  # that widths are multiples of, where the network is wide enough
#: How a preset begins that comes from here.
WRITTEN = "# Written by `edgeprune fit`; yours to change.\n"
NARROW = f"Widths are not rounded to multiples of {STEP}: the network has too few filters for it."
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
    parser.add_argument(
        "--minutes",
        type=float,
        default=10,
        help=f"about how long it may take (default: %(default)s): as many epochs as fit, from {FEWEST} to {MOST}; "
        f"where {FEWEST} take longer, it takes longer, and says so before it trains",
    )
    parser.add_argument(
        "--name", help="of the preset and of the results' folder (default: the file's or the factory's)"
    )
    for name in LIMITS:
        parser.add_argument(f"--{name}", metavar="AMOUNT", help=f"limit, as in `edgeprune recommend --{name}`")
    parser.add_argument("--accuracy", dest="score", metavar="SCORE", help="another name of --score")


def run(args: Namespace) -> None:
    import yaml

    from edgeprune.config.check import schema

    root = workflow.checkout()
    name = args.name or _name(args.network)
    if not re.match(schema()["$defs"]["name"]["pattern"], name) or yaml.safe_load(name) != name:  # a file, and a value
        remedy = "letters, digits, dots and dashes, and not what YAML takes for something else, like 12 or on"
        raise EdgepruneError(f"{name!r} cannot be a name", key="--name", remedy=remedy)
    with _alone(root / "logs" / "fit.lock"):
        _fit(args, name, root)


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold ``file``, which names this process, while the block runs; the system lets go of it, however that ends.

    Raises:
        EdgepruneError: another process holds it.
    """
    file.parent.mkdir(exist_ok=True)
    with open(file, "a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held.seek(0)
            problem = f"another `edgeprune fit` works in this folder: {held.read().strip()}"
            remedy = "wait for it, or end it: what is done stays. Two at a time would measure each other"
            raise EdgepruneError(problem, file=file, remedy=remedy) from error
        held.truncate(0)
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        print(f"process {os.getpid()} on {platform.node()}, since {now}", file=held, flush=True)
        yield


def _fit(args: Namespace, name: str, root: Path) -> None:
    from edgeprune.reporting import environment

    preset, said = _preset(args, name)
    if " " in (code := environment.commit(root)):  # changed, or none
        said.append(f"no commit holds the code as it is ({code}): make one first to be able to come back to it")
    file = root / "presets" / f"{name}.yaml"
    stored = _stored(file, preset, name)
    if not stored:
        print("\n".join(["Assumed:", *(f"  {line}" for line in said)]))
        _write(file, preset)
        try:
            print("Looking at the images and the network:")
            workflow.run(name, "--", "profile")
            step, preset["targets"], less = _reachable(root / "results" / name, preset, name)
            preset["sampling"][name]["round_to"] = step
            epochs, told = _epochs(root / "results" / name, preset, name, args.minutes)
        except BaseException:
            file.unlink(missing_ok=True)  # the images that were fetched stay, for the same command once it is mended
            raise
        preset["recipes"][name] = {"epochs": epochs, **preset["recipes"][name]}
        _write(file, preset)
        print(told + less)
    else:
        if stored.get("limits") != preset["limits"]:
            _change_limits(file, preset["limits"])
        epochs = stored["recipes"][name]["epochs"]
        told = f"its {epochs} epochs stay, whatever --minutes says"
        print(f"Going on with presets/{name}.yaml, which asks the same; {told}.")
    workflow.run(name)
    workflow.run(name, "--report", f"results/{name}/report.html")
    print()
    _answer(name, root)


def _name(network: str) -> str:
    """Of a file its name, of a module's factory the factory's."""
    place, _, factory = network.rpartition(":")
    said = Path(place).stem if place.endswith(".py") else factory
    return re.sub(r"[^A-Za-z0-9]+", "-", said).strip("-").lower()


def _images(name: str) -> str:
    """What the preset calls the data: never what the network or a shipped data set is called."""
    return f"{name}-images"


def _preset(args: Namespace, name: str) -> tuple[dict[str, Any], list[str]]:
    from edgeprune import tasks
    from edgeprune.commands.network import spec
    from edgeprune.config.load import read_yaml
    from edgeprune.data.recognise import recognise
    from edgeprune.measuring import measure
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
    if devices[args.device]["kind"] != "local":
        measure.check(args.device, devices[args.device])
    recipe = RECIPES[task.targets]
    said.append("a recipe that suits many networks, not the best of yours: "
                + ", ".join(f"{key} {value}" for key, value in recipe.items()))  # fmt: skip
    dataset = _images(name)
    return {
        "title": f"{name}: {data['task']} on {Path(args.data).name}",
        "datasets": {dataset: data},
        "networks": {name: spec(args)},
        "recipes": {name: {**recipe}},
        "sampling": {name: {"round_to": STEP}},
        "pairs": [{"network": name, "dataset": dataset}],
        "modes": ["MA" if args.memory and not args.latency else "FA"],
        "targets": TARGETS,
        "seeds": SEEDS,
        "references": {"dense": {}, "uniform": {}},
        "devices": {args.device: {"seconds": SECONDS}},
        "measure_on": [args.device],
        "limits": {"device": args.device, **recommend.given(args)},
    }, said


def _stored(file: Path, preset: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The preset of an earlier call that asked the same, limits aside, and got as far as to set the epochs.

    Raises:
        EdgepruneError: the file is there, and asks something else.
    """
    from edgeprune.config.load import read_yaml

    if not file.is_file():
        return None
    stored = read_yaml(file)
    epochs = (stored.get("recipes", {}).get(name) or {}).get("epochs")
    recipe = preset["recipes"][name] | ({"epochs": epochs} if epochs else {})
    asked = {**preset, "recipes": {name: recipe}}
    free = {"modes", "sampling", "targets", "limits", "figures"}
    different = sorted(key for key in (stored.keys() | asked.keys()) - free if stored.get(key) != asked.get(key))
    if different:
        problem = f"is there already, and asks something else ({', '.join(different)})"
        ours = file.read_text(encoding="utf-8").startswith(WRITTEN)
        remedy = "give another --name" + ", or remove that file" * ours
        raise EdgepruneError(problem, file=file, key="--name", remedy=remedy)
    return stored if epochs else None


def _write(file: Path, preset: dict[str, Any], before: str = WRITTEN) -> None:
    import yaml

    files.write_text(file, before + yaml.safe_dump(preset, sort_keys=False, width=110))


def _change_limits(file: Path, limits: dict[str, str]) -> None:
    """In the text, so that the user's comments stay."""
    kept = re.sub(r"^limits:.*\n?(?:[ \t]+.*\n?)*", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    _write(file, {"limits": limits}, before=kept.rstrip("\n") + "\n")


def _reachable(results: Path, preset: dict[str, Any], name: str) -> tuple[int, list[float], str]:
    """What widths are multiples of, the targets that can be reached so, and a sentence if that is less than asked.

    Raises:
        EdgepruneError: no target can be reached.
    """
    from edgeprune.complexity.profile import Profile
    from edgeprune.sampling.sample import sample_many

    file = results.relative_to(Path.cwd()) / "profile_network" / name / _images(name) / "profile.json"
    profile, refused, reached = Profile.load(file), None, []
    for step in (STEP, 1):
        reached = []
        for target in TARGETS:
            try:
                for method in METHODS:
                    sample_many(profile, preset["modes"], [target], SEEDS, method=method, round_to=step)
                reached.append(target)
            except EdgepruneError as error:
                refused = error
        if reached == TARGETS:
            return step, TARGETS, f" {NARROW}" if step == 1 else ""
    assert refused
    if not reached:
        remedy = f"`edgeprune show {file}` says why layers stay; give a network that more can be removed from"
        raise EdgepruneError(refused.problem, key="NETWORK", remedy=remedy)
    problem = refused.problem.partition(";")[0]
    return 1, reached, f" Only {', '.join(f'{100 * t:.0f} %' for t in reached)} less is tried: more {problem}."


def _epochs(results: Path, preset: dict[str, Any], name: str, minutes: float) -> tuple[int, str]:
    """How many epochs fit into the time, and a sentence on what will be done."""
    from edgeprune import tasks
    from edgeprune.config.recipe import Recipe
    from edgeprune.data.store import load_manifest
    from edgeprune.training.pace import seconds_per_image
    from snakemake_logger_plugin_edgeprune.progress import duration

    manifest = load_manifest(results / "fetch_dataset" / _images(name))
    recipe = Recipe.from_dict(preset["recipes"][name])
    images = manifest["splits"]["train"]["count"] * (recipe.patches_per_image or 1)
    if images < recipe.batch_size:
        problem = f"{images} images are left to train with, fewer than a batch of {recipe.batch_size}"
        raise EdgepruneError(problem, key="--data", remedy="give more images: dozens of each class at least")
    pace = seconds_per_image(preset["networks"][name], name, tasks.bind(manifest), recipe)
    left = [1.0, *(1 - target for target in preset["targets"] for _ in METHODS)]
    runs, cores = len(left) * len(SEEDS), os.cpu_count() or 1
    epoch = pace * images * sum(left) * len(SEEDS) / cores
    others = runs * (START / cores + 2 * SECONDS + START) + 10 * START
    epochs = max(FEWEST, min(MOST, int((60 * minutes - others) / epoch)))
    told = f"{runs} networks, {epochs} epochs each, by estimate {duration(others + epochs * epoch)}"
    if others + epochs * epoch > 90 * minutes:
        told += f"; {FEWEST} epochs are the fewest, so --minutes {minutes:g} cannot be kept"
    return epochs, f"{told}."


def _usage(found: Answer, results: Path) -> list[str]:
    """What the files take, and how they are loaded."""
    from edgeprune.data.store import MANIFEST, load_manifest

    assert found.model
    folder = results / "fetch_dataset" / found.dataset
    manifest = load_manifest(folder)
    shape = (1, manifest["input"]["shape"][0], *manifest.get("deploy_size", manifest["input"]["shape"][1:]))
    mean, std = (", ".join(f"{value:.4g}" for value in manifest[key]) for key in ("mean", "std"))
    return [
        f"input: float32 {shape}, (pixels / 255 - mean) / std for each channel; mean {mean}; std {std}",
        *([f"classes, in order: {', '.join(classes)}"] if (classes := manifest["target"].get("classes")) else []),
        f"both are kept in {folder / MANIFEST}",
        f"onnxruntime.InferenceSession({found.model['onnx']!r}).run(None, {{'input': images}})",
        f"edgeprune.load({found.model['checkpoint']!r})  # the torch module",
    ]


def _answer(name: str, root: Path) -> None:
    from edgeprune.config.load import read_yaml
    from edgeprune.reporting import answer

    results = Path("results", name)
    (found,) = answer.answers(results, read_yaml(root / results / "config.yaml"))
    print(answer.text([found]))
    print(f"\nReport: {(root / results / 'index.html').as_uri()}")
    if found.model:
        print("To use it:", *_usage(found, results), sep="\n  ")
    print("By hand, in full and with other limits:")
    print(f"  snakemake --cores all --config preset={name}")
    print(f"  {found.command}")
    if not found.model:
        raise recommend.Unsatisfied("no network satisfies all limits", remedy="see above what is nearest")
