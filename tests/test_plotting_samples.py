"""Figures of test images: that the pictures and numbers are those of the exported files. (They were also looked at.)"""

import csv
import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeprune import tasks
from edgeprune.config import load
from edgeprune.config.jobs import PICTURED, Jobs
from edgeprune.errors import EdgepruneError
from edgeprune.export.evaluate import evaluate
from edgeprune.plotting import samples, style
from edgeprune.plotting.kinds.image import detail
from edgeprune.reporting import runs, table
from helpers import synthetic_runs
from helpers.imagefiles import picture
from helpers.trainingdata import noise_dataset
from test_data_kinds import encoded, fetched
from test_grid import TRIAL

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

import draw_figure

SCRIPT = Path(__file__).parents[1] / "scripts" / "draw_figure.py"

VARIANTS = {"dense": ("dense", None, None), "FA-0.50": ("complexity", "FA", 0.5)}
SIZE = 32
#: Left and top of an object in each test image, and its class.
OBJECTS = [[(8, 0, 0), (16, 16, 1)], [(0, 24, 1)], []]


def scene(objects):
    """An image (32, 32, 3) on blue, with squares of 8 x 8, red of class 0 and green of class 1."""
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[..., 2] = 4 * np.arange(SIZE)
    for left, top, label in objects:
        pixels[top : top + 8, left : left + 8, label] = 255
    return pixels


def files_of(task):
    """The user's images for a task; training has those of the test split three times."""
    made = {}
    for split, scenes in (("train", 3 * OBJECTS), ("test", OBJECTS)):
        if task in ("denoising", "super-resolution"):
            made |= {f"{split}/{n}.png": picture(n, (40, 48)) for n in range(3)}
            continue
        folder = f"{split}/images" if task == "segmentation" else split
        made |= {f"{folder}/{n}.png": encoded(scene(objects)) for n, objects in enumerate(scenes)}
        if task == "segmentation":
            for n, objects in enumerate(scenes):
                mask = np.where(scene(objects)[..., 0], 1, np.where(scene(objects)[..., 1], 2, 0)).astype(np.uint8)
                mask[0, 0] = 255
                made[f"{split}/masks/{n}.png"] = encoded(mask)
            continue
        boxes = [(n, label, [left, top, 8, 8]) for n, objects in enumerate(scenes) for left, top, label in objects]
        table = {
            "images": [{"id": n, "file_name": f"{n}.png", "width": SIZE, "height": SIZE} for n in range(len(scenes))],
            "annotations": [
                {"id": i, "image_id": n, "category_id": label, "bbox": box, "area": 64}
                for i, (n, label, box) in enumerate(boxes)
            ],
            "categories": [{"id": 0, "name": "stop"}, {"id": 1, "name": "go"}],
        }
        made[f"{split}/annotations.json"] = json.dumps(table).encode()
    return made


def network(path, manifest, heads, stride=1, up=1):
    """A file whose outputs are a linear map of the colours (on 0 to 1), averaged over cells of ``stride`` pixels.

    ``heads`` is ``{output: (weights (n, 3), biases (n,))}``; with ``up``, pixels are repeated.
    """
    mean, std = np.array(manifest["mean"]), np.array(manifest["std"])
    nodes, values, outputs = [], [], []
    for name, (weights, biases) in heads.items():
        kernel = np.repeat((weights * std)[..., None], (stride * up) ** 2, -1) / stride**2
        kernel = kernel.reshape(*weights.shape, stride * up, stride * up)
        kind = "ConvTranspose" if up > 1 else "Conv"
        kernel = kernel.swapaxes(0, 1) if up > 1 else kernel
        values += [
            numpy_helper.from_array(kernel.astype("f4"), f"{name}.w"),
            numpy_helper.from_array((biases + weights @ mean).astype("f4"), f"{name}.b"),
        ]
        nodes.append(helper.make_node(kind, ["input", f"{name}.w", f"{name}.b"], [name], strides=[stride * up] * 2))
        side = SIZE // stride * up
        outputs.append(helper.make_tensor_value_info(name, 1, [1, len(weights), side, side]))
    given = helper.make_tensor_value_info("input", 1, [1, 3, SIZE, SIZE])
    graph = helper.make_graph(nodes, "g", [given], outputs, values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def heads_of(task, sure):
    """Outputs that are right where ``sure``, and else find nothing."""
    red, green = 20 * np.eye(3)[:2]
    if task in ("denoising", "super-resolution"):
        return {"output": (np.eye(3) * (1 if sure else 0.5), np.zeros(3))}
    if not sure:
        red = green = np.zeros(3)
    if task == "detection":
        constant = np.zeros((2, 3))
        heat = (np.stack([red, green]), np.full(2, -10.0))
        return {"heatmap": heat, "size": (constant, np.ones(2)), "offset": (constant, np.full(2, 0.5))}
    return {"output": (np.stack([np.zeros(3), red, green]), np.array([0.0, -10, -10]))}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """``made(task)``: what the options of the figure say, and the dataset's folder."""
    known = {}

    def make(task):
        if task in known:
            return known[task]
        top = tmp_path_factory.mktemp(task)
        more = {"classes": ["background", "stop", "go"]} if task == "segmentation" else {}
        manifest, _ = fetched(top, files_of(task), task, out="data", deploy_size=[SIZE, SIZE], **more)
        stride, up = {"detection": 8, "centroids": 8}.get(task, 1), 2 if task == "super-resolution" else 1
        metrics, models = [], []
        for variant, (method, mode, target) in VARIANTS.items():
            for seed in (0, 1):
                folder = top / "net" / "mine" / variant / f"seed-{seed}"
                folder.mkdir(parents=True)
                network(folder / "model.onnx", manifest, heads_of(task, variant == "dense"), stride, up)
                value, _ = synthetic_runs.run("net", "mine", variant, method, mode, target, seed)
                test = evaluate(folder / "model.onnx", top / "data", "test") | {"loss": 0.1}
                value |= {"task": task, "test": test, "val": {k: v for k, v in test.items() if k != "iou"}}
                (folder / "metrics.json").write_text(json.dumps(value))
                metrics.append(folder / "metrics.json")
            models.append(top / "net" / "mine" / variant / "seed-0" / "model.onnx")
        (top / "runs.csv").write_text(table.to_csv(runs.read(metrics)))
        known[task] = Namespace(
            data=[top / "data" / "manifest.json"],
            models=models[::-1],
            runs=[top / "runs.csv"],
            network=None,
            dataset=None,
        )
        return known[task]

    return make


def numbers(rows, **of):
    """``{(shown, name): value}`` of the rows that have these columns."""
    return {(r["shown"], r["name"]): r["value"] for r in rows if all(r[key] == value for key, value in of.items())}


def drawn(args):
    figure, rows, caption = samples.make(args)
    axes = [ax for part in figure.subfigs for ax in part.axes]
    style.plt.close(figure)
    return figure, axes, rows, caption


@pytest.mark.parametrize("task", ["denoising", "super-resolution"])
def test_restored_images_have_the_scores_of_the_whole_image(made, task):
    args = made(task)
    _, axes, rows, caption = drawn(args)
    baseline = tasks.get(task).baseline
    assert [ax.get_title() for ax in axes[:5]] == ["test image", baseline, "dense", "FA\n−50 %", "truth"]
    assert len(axes) == 15
    whole = evaluate(args.models[0], args.data[0].parent, "test")  # the split has no other images
    for name, value in whole.items():
        found = [v for (_, n), v in numbers(rows, variant="FA-0.50").items() if n == name]
        assert len(found) == 3
        assert np.mean(found) == pytest.approx(value)
    psnr = numbers(rows, variant="dense")["test image 2", "psnr"]
    assert axes[7].get_xlabel().splitlines()[0].endswith(f"PSNR {psnr:.2f} dB")
    assert f"{psnr:.2f}" in caption
    assert "networks of seed 0," in caption
    assert "3 of the 3 images" in caption
    assert {r["variant"] for r in rows} == {"dense", "FA-0.50", baseline}
    if task == "denoising":  # what gives back its input is as good as that
        assert numbers(rows, variant="dense") == pytest.approx(numbers(rows, variant=baseline))


def test_the_detail_is_where_pixels_differ_most():
    image = np.full((3, 50, 70), 0.5, np.float32)
    image[:, 20:44, 40:64] = np.random.default_rng(0).random((24, 24))
    left, top, side = detail(image)
    assert side == 25
    assert (abs(left - 40), abs(top - 20)) <= (2, 2)
    for corner in (np.s_[:, :20, :20], np.s_[:, -20:, -20:]):
        image = np.zeros((1, 40, 40), np.float32)
        image[corner] = np.random.default_rng(0).random((20, 20))
        left, top, side = detail(image)
        assert 0 <= min(left, top) <= max(left, top) + side <= 40


def test_masks_are_laid_over_the_image_with_the_iou_of_each_class_below(made):
    _, axes, rows, caption = drawn(made("segmentation"))
    assert [ax.get_title() for ax in axes[:4]] == ["test image", "truth", "dense", "FA\n−50 %"]
    assert numbers(rows, variant="dense", name="miou") == {(f"test image {n}", "miou"): 1 for n in (1, 2, 3)}
    assert axes[2].get_xlabel() == "mIoU 100.00 %"
    assert [text.get_text() for text in axes[1].texts] == ["2", "3"]
    handles = axes[0].figure.legends[0]
    assert [text.get_text() for text in handles.get_texts()] == ["2 stop", "3 go", "void"]
    per_class = {key: value for key, value in numbers(rows, variant="FA-0.50").items() if key[0] == "test split"}
    background = (3 * SIZE**2 - 3 - 3 * 64) / (3 * SIZE**2 - 3)
    assert per_class == pytest.approx(
        {("test split", f"IoU of {name}"): v for name, v in (("background", background), ("stop", 0), ("go", 0))}
    )
    assert "mIoU 100.00, 100.00, 100.00 % on these images, mIoU 100.00 % on the whole split" in caption
    truth, dense, pruned = (axes[n].images[0].get_array() for n in (1, 2, 3))
    assert (truth[0, 0] == round(0.7 * 255)).all(), "void is white, here over black"
    assert (truth[1:] == dense[1:]).all()
    assert (np.ptp(pruned, axis=2) == 0).all(), "no colour over the background"
    assert np.ptp(dense[4, 12]) > 50


def test_boxes_are_right_or_wrong_and_the_curve_is_that_of_the_split(made):
    args = made("detection")
    _, axes, rows, caption = drawn(args)
    assert [ax.get_title() for ax in axes[:3]] == ["truth", "dense", "FA\n−50 %"]
    assert [axes[n].get_xlabel() for n in (1, 4, 7)] == [f"{n} right\n0 wrong\n0 missed" for n in (2, 1, 0)]
    assert axes[2].get_xlabel() == "0 right\n0 wrong\n2 missed"
    assert {text.get_text() for text in axes[0].texts} == {"stop", "go"}
    assert {text.get_text() for text in axes[1].texts} == {"stop 1.00", "go 1.00"}
    for variant, model in zip(("dense", "FA-0.50"), args.models[::-1]):
        curve = [v for (place, _), v in numbers(rows, variant=variant).items() if place == "test split"]
        assert len(curve) == 101
        assert np.mean(curve) == pytest.approx(evaluate(model, args.data[0].parent, "test")["ap50"])
    assert "3 right, 0 wrong, 0 missed on these images, AP50 100.00 % on the whole split" in caption


def test_points_and_their_scores_below(made):
    _, axes, rows, caption = drawn(made("centroids"))
    assert axes[1].get_xlabel() == "2 right\n0 wrong\n0 missed"
    split = {name: v for (place, name), v in numbers(rows, variant="dense").items() if place == "test split"}
    assert split == {"F1 of centres": 1, "Precision": 1, "Recall": 1}
    assert "All points are counted" in caption


def test_what_cannot_be_shown_is_refused(made, tmp_path):
    args = made("denoising")
    (tmp_path / "runs.csv").write_text(table.to_csv(runs.read_csv(args.runs[0])[:2]))
    with pytest.raises(EdgepruneError, match="in none of the tables") as caught:
        samples.make(Namespace(**vars(args) | {"runs": [tmp_path / "runs.csv"]}))
    assert caught.value.file == args.models[0]
    with pytest.raises(EdgepruneError, match="classification has no pictures"):
        samples.make(Namespace(**vars(args) | {"data": [noise_dataset(tmp_path / "digits") / "manifest.json"]}))
    assert {tasks.get(name).pictures for name in tasks.TASKS} == {*samples.KINDS, None}


def test_the_script_writes_the_same_files_twice(made, tmp_path):
    args = made("segmentation")
    for turn in ("1", "2"):  # in this process, in another
        given = [w for name in ("data", "models", "runs") for w in (f"--{name}", *map(str, getattr(args, name)))]
        out = [f"--out-{form}={tmp_path}/{turn}.{form}" for form in ("svg", "png", "csv", "caption")]
        if turn == "1":
            draw_figure.main(["samples", *given, *out])
        else:
            command = [sys.executable, SCRIPT, "samples", *given, *out]
            subprocess.run(command, check=True, env={"PYTHONPATH": str(SCRIPT.parents[1]), "PYTHONHASHSEED": turn})
    for form in ("svg", "png", "csv", "caption"):
        first, second = ((tmp_path / f"{turn}.{form}").read_bytes() for turn in ("1", "2"))
        assert first == second
        assert 0 < len(first) < 1_500_000
    with open(tmp_path / "1.csv") as stream:
        assert next(iter(csv.DictReader(stream)))["shown"] == "test image 1"


def test_the_grid_shows_the_first_seed_of_the_smallest_targets():
    jobs = Jobs(load.effective(SCRIPT.parents[1], TRIAL | {"targets": [0.7, 0.5], "seeds": [3, 4]}))
    runs = jobs.grid.of_pair(*jobs.grid.pairs[0])
    assert [run.variant for run in jobs.pictured(runs)] == ["dense", "PA-0.50", "FA-0.50", "MA-0.50", "small"]
    assert {run.seed for run in jobs.pictured(runs)} == {"3"}
    assert len(jobs.pictured(runs)) == PICTURED
    fewer = [run for run in runs if not run.variant.startswith(("PA", "MA", "small"))]
    assert [run.variant for run in jobs.pictured(fewer)][:3] == ["dense", "FA-0.50", "uniform-FA-0.50"]
