"""Test images and what the networks of one seed give for them, drawn from the exported files."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from edgeprune import identity, tasks
from edgeprune.data.examples import evaluated, some, whole
from edgeprune.data.store import MANIFEST, load_manifest, open_samples
from edgeprune.errors import EdgepruneError
from edgeprune.export.evaluate import Runner, open_bytes
from edgeprune.plotting import style
from edgeprune.plotting.kinds.boxes import Boxes, Points
from edgeprune.plotting.kinds.image import Image
from edgeprune.plotting.kinds.kind import Kind, Sample, Series, shown
from edgeprune.plotting.kinds.mask import Mask
from edgeprune.reporting import Row, runs, script
from edgeprune.reporting.captions import escape

#: The class of each of ``Task.pictures``.
KINDS: Mapping[str | None, type[Kind]] = {"image": Image, "mask": Mask, "boxes": Boxes, "points": Points}
IMAGES = 3
WIDTH = 9.6  # inches of the whole figure, at most
CELL = 1.6  # inches of a picture, at most


def add_options(parser: ArgumentParser) -> None:
    """What :func:`make` reads: runs of one network on one dataset, and their exported files of one seed."""
    parser.add_argument("--data", nargs="+", required=True, help="manifest.json of the fetched dataset (and test.npy)")
    where = "<network>/<dataset>/<variant>/seed-<seed>"
    parser.add_argument("--models", nargs="+", required=True, help=f"model.onnx of the runs shown, each in {where}")
    script.add_runs(parser)
    script.add_pair(parser)


def make(args: Namespace) -> tuple[Figure, list[Row], str]:
    """The figure, its rows and its caption, as ``scripts/draw_figure.py`` wants them."""
    rows = runs.once(script.read_pair(args))
    kind = read(Path(args.data[0]).parent, args.models, rows)
    samples = see(kind)
    drawing, numbers = draw(kind, samples, f"{rows[0]['network']} on {rows[0]['dataset']}")
    return drawing, numbers, caption(kind, samples)


def read(folder: Path, models: Sequence[str | Path], rows: Sequence[Row]) -> Kind:
    """The kind of picture of a dataset's task, with the networks in the order of ``rows``.

    Args:
        folder: of the fetched dataset.
        models: exported files, each in ``<network>/<dataset>/<variant>/seed-<seed>``.
        rows: of :func:`edgeprune.reporting.runs.read`: of these runs and of others on the dataset.

    Raises:
        EdgepruneError: the task has no pictures, or a model's run is not among the rows.
    """
    manifest = load_manifest(folder)
    task = tasks.bind(manifest, folder / MANIFEST)
    if task.pictures not in KINDS:
        problem = f"the task {task.name} has no pictures"
        raise EdgepruneError(problem, file=folder / MANIFEST, key="task", remedy=f"set pictures to one of {[*KINDS]}")
    groups = {row["variant"]: row for row in runs.group(rows)}
    found = {identity.folder(row): row for row in rows}
    runs_of = {model: "/".join(Path(model).parts[-5:-1]) for model in models}
    for model, run in runs_of.items():
        if run not in found:
            raise EdgepruneError(
                "its run is in none of the tables", file=model, remedy="name its table with --runs, too"
            )
    chosen = sorted((found[run] for run in runs_of.values()), key=runs.order)
    paths = {found[run]["variant"]: model for model, run in runs_of.items()}
    series = [Series(row, groups[row["variant"]], Runner(open_bytes(paths[row["variant"]]), 1)) for row in chosen]
    return KINDS[task.pictures](task, series, open_samples(folder, "test", manifest), style.Looks(rows))


def see(kind: Kind) -> list[Sample]:
    """Some images of the split with what each network gives for them."""
    task, samples = kind.task, []
    mean, std = (np.array(task.manifest[key], np.float32)[:, None, None] for key in ("mean", "std"))
    indices = some(len(kind.samples), IMAGES)
    for index, (inputs, targets) in zip(indices, evaluated(task, kind.samples, "test", 1, indices)):
        sample = Sample(index, inputs[0] * std + mean, targets[0])
        outputs: dict[str | None, Any] = {
            one.run["variant"]: whole(one.predict, inputs, task.input_shape) for one in kind.series
        }
        if task.baseline and kind.details:
            outputs[None] = task.baseline_outputs(inputs[0])
        for variant, values in outputs.items():
            picture = sample.found[variant] = task.picture(values, targets[0])
            sample.scores[variant] = kind.scores(values, picture, targets[0])
        samples.append(sample)
    return samples


def draw(kind: Kind, samples: Sequence[Sample], title: str) -> tuple[Figure, list[Row]]:
    """The figure, a strip for each image and below what holds for the split, and its rows: ``shown`` (which image, or
    the split), ``variant``, ``name`` and ``value``."""
    style.setup()
    strips = [kind.cells(sample) for sample in samples]
    columns, lines = len(strips[0]), 1 + max(cell.text.count("\n") for cell in strips[0])
    cell = min(CELL, WIDTH / columns)
    tall = max(1.0 if kind.details else s.image.shape[1] / s.image.shape[2] for s in samples)
    width = max(cell * columns, 5.5)
    handles = kind.legend(samples)
    fit = int(width / (0.6 + 0.08 * max((len(str(handle.get_label())) for handle in handles), default=0)))
    under = ceil(len(handles) / fit)  # rows of the legend
    strip = len(samples) * (cell * tall + 0.12 * lines + 0.02) + 0.2 * under + 0.6
    figure = plt.figure(figsize=(width, strip + kind.panel), layout="constrained")
    heights = [height for height in (strip, kind.panel) if height]
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    axes = parts[0].subplots(len(samples), columns, squeeze=False)
    for row, strip_axes in zip(strips, axes):
        for one, ax in zip(row, strip_axes):
            one.paint(ax)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(visible=False)
            ax.spines[:].set_visible(False)
            ax.set_xlabel(one.text, fontsize="x-small", labelpad=2)
            if row is strips[0]:
                ax.set_title(one.title.replace(" −", "\n−"), fontsize="small")
    if handles:
        parts[0].legend(handles=handles, loc="outside lower center", ncols=ceil(len(handles) / under), fontsize="small")
    figure.suptitle(title, fontsize="medium")
    rows = [
        {"shown": f"test image {s.index + 1}", "variant": variant or kind.task.baseline, "name": name, "value": value}
        for s in samples
        for variant, scores in s.scores.items()
        for name, value in scores.items()
    ]
    if kind.panel:
        rows += [{"shown": "test split", **row} for row in kind.below(parts[1])]
    return figure, rows


def caption(kind: Kind, samples: Sequence[Sample]) -> str:
    """In reStructuredText: what is shown, and for each network its score on these images and on the split."""
    first, metric = kind.series[0].run, kind.task.headline
    seeds = sorted({identity.seed_name(one.run["plan_seed"], one.run["seed"]) for one in kind.series})
    lines = [
        f"**Test images of {escape(first['dataset'])} and what {escape(first['network'])} gives for them**, by the "
        f"networks of seed {', '.join(seeds)}, from their exported files. These are {len(samples)} of the "
        f"{len(kind.samples)} images of the test split, drawn at random before any score was known. {kind.explain()}",
        "",
    ]
    if None in samples[0].found:
        lines.append(
            f"- {kind.task.baseline}: {kind.summary([sample.scores[None] for sample in samples])} on these images."
        )
    for one in kind.series:
        here = kind.summary([sample.scores[one.run["variant"]] for sample in samples])
        whole_split = f"{metric.title} {shown(metric, one.run['test'])}"
        lines.append(f"- {escape(one.name)}: {here} on these images, {whole_split} on the whole split.")
    return "\n".join(lines) + "\n"
