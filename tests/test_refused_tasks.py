"""What does not go together, of task, data, network and recipe, is said before any training: file, key, remedy."""

import json
import runpy
from pathlib import Path

import pytest
import torch
import yaml

from edgeprune.config import load
from edgeprune.config.recipe import Recipe
from edgeprune.data.fetch import fetch
from edgeprune.errors import EdgepruneError
from edgeprune.training.dataset import Dataset
from helpers.imagefiles import picture, shapes, write_folder

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
UNET = "edgeprune.networks.segmentation:unet"
MASKS = {"task": "segmentation", "classes": ["background", "disc"]}
PHOTOGRAPHS = {"task": "denoising", "channels": 1}


def photographs(size=(40, 40)):
    return {f"{split}/{n}.png": picture(n, size) for split in ("train", "test") for n in range(3)}


def fetched(folder, files, **settings):
    write_folder(folder / "mine", files)
    fetch("mine", {"source": "images", "path": str(folder / "mine"), **settings}, folder / "data")
    return folder / "data"


def profiled(folder, factory, **args):
    """The stage after fetching, which first meets the network."""
    options = {"network": "n", "spec": json.dumps({"factory": factory, "args": args}), "data": folder}
    options |= {f"out-{name}": folder / name for name in ("profile", "table")}
    runpy.run_path(str(ROOT / "scripts/profile_network.py"))["main"](
        [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    )


@pytest.mark.parametrize(
    ("files", "settings", "factory", "args", "words"),
    [
        (shapes(4, 2), MASKS, UNET, {"num_classes": 3}, "(1, 3, 32, 32); 2 classes on 32 x 32 pixels need (1, 2, "),
        (shapes(4, 2), MASKS, "edgeprune.networks.vgg:vgg8", {}, "(1, 2); 2 classes on"),
        (shapes(4, 2), MASKS | {"deploy_size": [100, 100]}, UNET, {"width": 4}, "multiples of 16, not 100x100"),
        (photographs(), PHOTOGRAPHS | {"deploy_size": [32, 32]}, "edgeprune.networks.restoration:dncnn",
         {"in_channels": 3}, "to have 3 channels, but got 1"),
        (photographs(), PHOTOGRAPHS | {"task": "super-resolution", "scale": 3, "deploy_size": [16, 16]},
         "edgeprune.networks.restoration:espcn", {"scale": 2}, "(1, 1, 32, 32), the task needs (1, 1, 48, 48)"),
    ],
    ids=["classes", "no map", "deploy size", "grey and colour", "scale"],
)  # fmt: skip
def test_a_network_that_does_not_fit_is_refused_when_it_is_profiled(tmp_path, files, settings, factory, args, words):
    data = fetched(tmp_path, files, **settings)
    with pytest.raises(EdgepruneError) as caught:
        profiled(data, factory, **args)
    assert words in caught.value.problem
    assert caught.value.key == "networks.n.args"
    assert "deploy_size" in caught.value.remedy
    assert not (data / "profile").exists()


def test_boxes_cannot_be_put_together_from_tiles(tmp_path):
    table = {"images": [{"id": n, "file_name": f"{n}.png"} for n in range(3)], "categories": [{"id": 1, "name": "cat"}]}
    table["annotations"] = [{"image_id": 0, "category_id": 1, "bbox": [0, 0, 8, 8]}]
    files = photographs() | {f"{split}/annotations.json": json.dumps(table).encode() for split in ("train", "test")}
    with pytest.raises(EdgepruneError, match="whole images") as caught:
        fetched(tmp_path, files, task="detection", deploy_size=[32, 32])
    assert caught.value.key == "datasets.mine.deploy_size"
    assert "size: [32, 32]" in caught.value.remedy
    assert caught.value.file == "config.yaml"
    assert not list((tmp_path / "data").glob("*"))


def test_a_scale_that_does_not_divide_the_size(tmp_path):
    with pytest.raises(EdgepruneError, match=r"scale 3 does not divide \[32, 40\]") as caught:
        fetched(tmp_path, photographs(), task="super-resolution", scale=3, size=[32, 40], deploy_size=[8, 8])
    assert (caught.value.file, caught.value.key) == ("config.yaml", "datasets.mine.size")
    assert "[30, 39]" in caught.value.remedy


def test_images_that_differ_in_size_need_a_patch(tmp_path):
    files = photographs() | {f"train/{n}.png": picture(n, (50 + n, 40)) for n in range(3)}
    dataset = Dataset(fetched(tmp_path, files, deploy_size=[32, 32], **PHOTOGRAPHS))
    with pytest.raises(EdgepruneError, match="differ in size") as caught:
        dataset.training(Recipe())
    assert caught.value.key == "recipes.*.patch"
    assert "e.g. 48" in caught.value.remedy


def test_crop_with_masks_is_told_before_any_job(tmp_path):
    """Also where it comes from the recipe of all networks."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["datasets"]["mine"] = {"source": "images", "path": "mine", **MASKS}
    config["networks"]["n"] = {"factory": UNET}
    preset = {
        "pairs": [{"network": "n", "dataset": "mine"}],
        "modes": ["FA"], "targets": [0.5], "seeds": [0], "references": {}, "measure_on": [],
    }  # fmt: skip
    (tmp_path / "presets").mkdir()
    for name, content in (("config.yaml", config), ("presets/mine.yaml", preset)):
        (tmp_path / name).write_text(yaml.safe_dump(content))
    with pytest.raises(EdgepruneError, match="crop cannot be used") as caught:
        load.effective(tmp_path, {"preset": "mine"})
    assert caught.value.key == "recipes.n.augment"
    assert caught.value.file == "config.yaml with presets/mine.yaml"
    assert "[flip, rotate]" in caught.value.remedy
    assert load.effective(tmp_path, {"preset": "mine", "recipes": {"n": {"augment": ["flip"]}}})
