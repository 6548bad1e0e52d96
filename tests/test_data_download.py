"""Downloads against a server on this machine that breaks off, lies and comes back."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeprune.data import download as downloading
from edgeprune.data.download import download
from edgeprune.data.fetch import fetch
from edgeprune.data.store import open_split
from edgeprune.errors import EdgepruneError
from helpers.httpserver import serve
from helpers.imagefiles import dataset, tar_bytes, zip_bytes

ROOT = Path(__file__).parents[1]
BYTES = np.random.default_rng(0).bytes(300_000)
SUM = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def site(site):
    site.files["/a.zip"] = BYTES
    return site


def ranges(site):
    return [asked for _, asked in site.requests]


def test_plain_download_happens_once(site, tmp_path):
    path = download(site.url("/a.zip"), tmp_path, SUM)
    assert path.read_bytes() == BYTES
    assert download(site.url("/a.zip"), tmp_path, SUM) == path
    assert ranges(site) == [None]
    assert not list(tmp_path.glob("*.part"))


def test_cut_connection_is_resumed(site, tmp_path, capsys):
    site.faults["/a.zip"] = [("cut", 100_000), ("cut", 50_000)]
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES
    assert ranges(site) == [None, "bytes=100000-", "bytes=150000-"]
    assert "cut after 100,000 of 300,000 bytes" in capsys.readouterr().err


def test_server_without_ranges_means_a_clean_restart(site, tmp_path):
    site.ranges = False
    site.faults["/a.zip"] = [("cut", 100_000)]
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES
    assert ranges(site) == [None, "bytes=100000-"]


def test_part_of_an_earlier_run_is_continued(site, tmp_path):
    (tmp_path / f"{SUM[:16]}-a.zip.part").write_bytes(BYTES[:1000])
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES
    assert ranges(site) == ["bytes=1000-"]


def test_part_that_is_already_whole(site, tmp_path):
    (tmp_path / f"{SUM[:16]}-a.zip.part").write_bytes(BYTES)
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES


@pytest.mark.parametrize("part", [b"other" * 1000, BYTES + b"too long"])
def test_part_of_something_else_is_thrown_away(site, tmp_path, part):
    (tmp_path / f"{SUM[:16]}-a.zip.part").write_bytes(part)
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES
    assert ranges(site)[-1] is None


def test_wrong_sum_first_and_a_right_one_at_the_retry(site, tmp_path, capsys):
    wrong = BYTES[:-1] + b"?"
    site.faults["/a.zip"] = [("content", wrong)]
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES
    assert ranges(site) == [None, None]
    assert hashlib.sha256(wrong).hexdigest() in capsys.readouterr().err


def test_wrong_sum_names_expected_and_got(site, tmp_path):
    with pytest.raises(EdgepruneError) as caught:
        download(site.url("/a.zip"), tmp_path, "f" * 64, key="datasets.mine.url")
    assert f"expected SHA-256 {'f' * 64}, got {SUM}" in str(caught.value)
    assert caught.value.key == "datasets.mine.url"
    assert len(site.requests) == downloading.ATTEMPTS
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


def test_spoilt_file_of_an_earlier_run_is_fetched_again(site, tmp_path):
    (tmp_path / f"{SUM[:16]}-a.zip").write_bytes(b"spoilt")
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES


def test_server_in_trouble_is_asked_again(site, tmp_path):
    site.faults["/a.zip"] = [503, 500]
    assert download(site.url("/a.zip"), tmp_path, SUM).read_bytes() == BYTES
    assert len(site.requests) == 3


def test_not_found_is_told_at_once(site, tmp_path):
    with pytest.raises(EdgepruneError, match="answers 404") as caught:
        download(site.url("/b.zip"), tmp_path, SUM, key="datasets.mine.url")
    assert caught.value.key == "datasets.mine.url"
    assert "address" in caught.value.remedy
    assert len(site.requests) == 1


def test_connection_that_is_always_cut(site, tmp_path):
    site.ranges = False
    site.faults["/a.zip"] = [("cut", 1000)] * 99
    with pytest.raises(EdgepruneError, match="cut after 1,000 of 300,000 bytes") as caught:
        download(site.url("/a.zip"), tmp_path, SUM)
    assert "connection" in caught.value.remedy
    assert len(site.requests) == downloading.ATTEMPTS


def test_server_that_cannot_be_reached(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloading, "BACK_OFF", 0.001)
    with serve() as gone:
        url = gone.url("/a.zip")
    with pytest.raises(EdgepruneError, match="cannot be reached"):
        download(url, tmp_path, SUM)
    assert capsys.readouterr().err.count("attempt") == downloading.ATTEMPTS - 1


def test_silent_server(site, tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(downloading, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(EdgepruneError, match="timed out"):
        download(f"http://127.0.0.1:{silent.getsockname()[1]}/a.zip", tmp_path, SUM)


def test_downloads_folder_that_cannot_be_made(site, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EdgepruneError, match="cannot be kept") as caught:
        download(site.url("/a.zip"), tmp_path / "file" / "downloads", SUM)
    assert "folder for downloads" in caught.value.remedy


def test_images_from_a_url(site, tmp_path):
    site.files["/images.tar.gz"] = content = tar_bytes(dataset(), wrap="top/")
    site.faults["/images.tar.gz"] = [("cut", 500)]
    total = hashlib.sha256(content).hexdigest()
    settings = {"source": "images", "url": site.url("/images.tar.gz"), "sha256": total}
    manifest = fetch("mine", settings, tmp_path / "out", tmp_path / "downloads")
    assert manifest["source"]["sha256"] == total
    assert len(open_split(tmp_path / "out", "test", verify=True)) == 6
    assert ranges(site) == [None, "bytes=500-"]


def script(tmp_path, settings):
    command = [sys.executable, "scripts/fetch_dataset.py", "--name", "mine", "--settings", settings]
    command += ["--downloads", tmp_path / "downloads", "--out", tmp_path / "out"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


def test_script(tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_bytes(dataset()))
    done = script(tmp_path, json.dumps({"source": "images", "path": str(tmp_path / "a.zip")}))
    assert done.returncode == 0
    assert "mine: 10 train, 2 val, 6 test" in done.stderr
    assert len(open_split(tmp_path / "out", "train", verify=True)) == 10


@pytest.mark.parametrize("settings", ['{"source": "nothing"}', "{source", "[]"])
def test_script_tells_mistakes_without_a_traceback(tmp_path, settings):
    done = script(tmp_path, settings)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "remedy: " in done.stderr
    assert "Traceback" not in done.stderr
