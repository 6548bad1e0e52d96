"""Training curves of a grid as one table."""

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.reporting import curves


def write(folder, variant, seed, text):
    path = folder / "vgg8" / "digits" / variant / f"seed-{seed}" / "history.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_means_over_the_seeds_of_a_variant(tmp_path):
    head = "epoch,train_loss,val_loss,val_accuracy,lr\n"
    files = [
        write(tmp_path, "dense", 0, head + "1,1.0,2.0,0.5,0.1\n2,0.5,1.0,0.75,0.1\n"),
        write(tmp_path, "dense", 1, head + "1,3.0,4.0,0.25,0.1\n"),
        write(tmp_path, "FA-0.50", 0, head.replace("accuracy", "map") + "1,1,1,0.125,0.1\n"),
    ]
    rows = curves.of_runs(files)
    first = {"pair": "vgg8 on digits", "variant": "dense", "epoch": 1, "seeds": 2}
    assert rows[1] == first | {"train_loss": 2.0, "val_loss": 3.0, "val": 0.375}
    assert [(r["variant"], r["epoch"], r["seeds"]) for r in rows] == [
        ("FA-0.50", 1, 1),
        ("dense", 1, 2),
        ("dense", 2, 1),
    ]
    assert rows[0]["val"] == 0.125


def test_the_headline_is_the_first_of_several_metrics(tmp_path):
    file = write(tmp_path, "dense", 0, "epoch,train_loss,val_loss,val_psnr,val_ssim,lr\n1,1,1,28.5,0.9,0.1\n")
    assert [row["val"] for row in curves.of_runs([file])] == [28.5]


def test_what_is_no_history_is_named(tmp_path):
    file = write(tmp_path, "dense", 0, "epoch,loss\n1,2\n")
    with pytest.raises(EdgepruneError, match=r"seed-0/history\.csv"):
        curves.of_runs([file])
    file.unlink()
    with pytest.raises(EdgepruneError, match="no such file"):
        curves.of_runs([file])
