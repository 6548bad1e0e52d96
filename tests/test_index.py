"""The first page of a preset's results: its numbers are those of runs.csv, no name is markup, every control works."""

import csv
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean
from urllib.parse import unquote

import pytest
import yaml

from edgeprune import snakemake_internals as internals
from edgeprune.reporting import index, runs, table
from helpers import synthetic_runs

CHECK = Path(__file__).parent / "helpers" / "index_check.js"
HOSTILE = "</script><script>window.x=1</script><img src=x onerror=alert(1)> & \"'"


def results(folder, task="classification", limits=None, title="Made up", curves=True, **grid):
    """A results folder with its page, as the rules leave it."""
    synthetic_runs.grid(folder, task=task, **grid)
    metrics = sorted(folder.glob("train_network/*/*/*/seed-*/metrics.json"))
    measurements = sorted(folder.glob("measure_model/*/*/*/*/*/seed-*.json"))
    rows = runs.read(metrics, measurements, synthetic_runs.timings(metrics))
    shown = folder / "draw_figures"
    (shown / "plots").mkdir(parents=True)
    (shown / "runs.csv").write_text(table.to_csv(rows))
    for name in ("results.html", "environment.html"):
        (shown / name).touch()
    for path in metrics:
        for name in ("history.csv", "model.onnx"):
            path.with_name(name).touch()
    lines = ["pair,variant,epoch,seeds,train_loss,val_loss,val"]
    for variant in dict.fromkeys(row["variant"] for row in rows) if curves else ():
        lines += [f"vgg8 on digits,{variant},{epoch},3,0.1,0.1,{0.9 + epoch / 100}" for epoch in range(1, 6)]
    (shown / "plots/curves.csv").write_text("\n".join(lines))
    config = {
        "preset": "demo",
        "title": title,
        "pairs": [{"network": "vgg8", "dataset": "digits"}],
        "measure_on": list(dict.fromkeys(row["device"] for row in rows if row["device"])),
        "limits": limits or {},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    page = index.page(folder, config, shown / "plots/curves.csv", internals.libraries())
    (folder / "index.html").write_text(page)
    return folder


class Page(HTMLParser):
    """Scripts by id (or number), and the tables of networks as rows of ``{key: cell}``."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.networks, self.images = {}, [], 0
        self._open, self._keys, self._cells, self._into = None, [], None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.images += tag == "img"
        if tag == "script":
            self._open = named.get("id", len(self.scripts))
            self.scripts[self._open] = ""
        elif tag == "table":
            self._keys = []
        elif tag == "th" and "data-key" in named:
            self._keys.append(named["data-key"])
        elif tag == "tr":
            self._cells = [] if "data-number" in named else None
        elif tag in ("th", "td") and self._cells is not None:
            self._cells.append("")
            self._into = True

    def handle_endtag(self, tag):
        if tag == "script":
            self._open = None
        elif tag in ("th", "td"):
            self._into = None
        elif tag == "tr" and self._cells:
            self.networks.append(dict(zip(self._keys, self._cells)))

    def handle_data(self, data):
        if self._open is not None:
            self.scripts[self._open] += data
        elif self._into:
            self._cells[-1] += data

    @property
    def data(self):
        return json.loads(self.scripts["data"])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    places = [("local", "fp32"), ("local", "int8"), ("board", "fp32")]
    return results(tmp_path_factory.mktemp("demo"), places=places, limits={"device": "board", "latency": "5ms"})


@pytest.mark.parametrize("runtime", ["fp32", "int8"])
def test_its_numbers_are_those_of_runs_csv(demo, runtime):
    page = Page((demo / "index.html").read_text())
    (part,) = page.data
    with open(demo / "draw_figures/runs.csv", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if (row["device"], row["runtime"]) == ("local", runtime)]
    place = f"local ({runtime})"
    stored = {run["file"]: run for run in part["runs"] if run["place"] == place}
    assert {row["metrics_file"] for row in rows} == stored.keys()
    scales = {axis["key"]: axis["scale"] for axis in part["axes"]}
    assert {"val", "score", "latency_ms", "speedup", "params", "flops", "peak_memory"} <= scales.keys()
    for row in rows:
        for key in scales:
            known = row["own_val"] or row["val"] if key == "val" else row.get(key)
            if known is not None:
                assert stored[row["metrics_file"]].get(key) == (float(known) if known else None)
    cells = [cell for cell, group in zip(page.networks, part["groups"]) if group["place"] == place]
    for cell, group in zip(cells, (g for g in part["groups"] if g["place"] == place), strict=True):
        members = [stored[row["metrics_file"]] for row in rows if row["variant"] == group["name"]]
        assert group["name"] in cell["name"]
        for key in scales:
            if values := [run[key] for run in members if key in run]:
                dense = 0.9 if key == "latency_ms" else None  # which the mean speed-up divides
                assert group[key] == pytest.approx(dense / group["speedup"] if dense else fmean(values))
        for key in ("val", "score", "speedup"):
            places = len(cell[key].split()[0].partition(".")[2])
            assert cell[key].split()[0] == f"{group[key] * scales[key]:.{places}f}"


def test_the_answer_and_its_marks(demo):
    text = (demo / "index.html").read_text()
    (part,) = Page(text).data
    taken = [group for group in part["groups"] if group["mark"] == "take"]
    assert [group["place"] for group in taken] == ["board (fp32)"]
    (verdict,) = re.findall(r'<p class="verdict">(.*?)</p>', text)
    assert verdict.startswith(f"Take vgg8 {taken[0]['name']}, ")
    assert text.index("verdict") < text.index("<form")
    assert len(text) < 3e6


def test_where_nothing_satisfies_no_word_says_to_take_it(tmp_path):
    text = (results(tmp_path, limits={"latency": "1us"}, seeds=(0, 1)) / "index.html").read_text()
    text = text.partition("<script")[0]
    assert "Nothing satisfies." in text
    assert "☆ nearest to the limits" in text
    assert text.count("the network nearest to the limits") == 2  # below the scatter, and below the curves
    assert "to take" not in text.partition("</h2>")[2]


def test_nothing_in_a_name_is_markup(tmp_path, monkeypatch):
    there = synthetic_runs.measured
    warned = {"warnings": [HOSTILE], "reasons": {"energy_mj": HOSTILE}}
    monkeypatch.setattr(synthetic_runs, "measured", lambda *args: there(*args) | warned)
    folder = results(tmp_path, task="segmentation", title=HOSTILE, limits={"energy": "1mJ"}, seeds=(0,))
    text = (folder / "index.html").read_text()
    page = Page(text)
    assert len(page.scripts) == 3
    assert page.images == 0
    assert HOSTILE not in text
    assert text.count(html.escape(HOSTILE, quote=False)[:60]) >= 2  # as the title, and as the reason of what is unknown


def test_without_measurements_it_chooses_by_what_is_counted(tmp_path):
    page = Page((results(tmp_path, places=(), curves=False) / "index.html").read_text())
    (part,) = page.data
    assert {group["place"] for group in part["groups"]} == {None}
    assert "latency_ms" not in {axis["key"] for axis in part["axes"]}
    assert sum(group["mark"] == "take" for group in part["groups"]) == 1


def test_a_thousand_runs(tmp_path):
    named = [
        (f"v{i}-FA-{0.1 + i / 400:.4f}", "complexity", "FA", 0.1 + i / 400, f"v{i % 30}", None) for i in range(320)
    ]
    text = (results(tmp_path, named=named) / "index.html").read_text()
    (part,) = Page(text).data
    assert len(part["runs"]) > 990
    assert len(part["curves"]) == index.CURVES
    assert len(text) < 3e6


def browse(folder, width=1280):
    """What the check found in the page of ``folder``, and what the browser's console said."""
    if not shutil.which("chromium"):
        pytest.skip("no chromium here: apt install chromium")
    copy = folder / "checked.html"
    text = (folder / "index.html").read_text()
    text = text.replace("</body>", f"<script>{CHECK.read_text()}</script></body>")
    if width < 500:  # no window is narrower
        text = f'<iframe width="{width}" height="800" style="border: 0" srcdoc="{html.escape(text)}"></iframe>'
    copy.write_text(text)
    flags = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=90000",
    ]
    command = [
        "chromium",
        *flags,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={max(width, 600)},800",
        "--dump-dom",
        copy.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL) or [done.stderr[-2000:]]
    return json.loads(html.unescape(found)), console


def test_in_a_browser_every_link_and_control_works(demo):
    found, console = browse(demo)
    assert console == []
    assert "error" not in found, found
    assert found["first"]["lowest"] < found["first"]["height"]
    assert found["overflow"] <= 0
    assert found["unlabelled"] == 0
    text = (demo / "index.html").read_text()
    for link in found["links"]:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text
        elif link != "report.html":  # which `make` makes afterwards
            assert (demo / unquote(link)).is_file(), link
    (part,) = found["parts"]
    assert part["rows"] == part["cleared"] == part["unbrushed"] == part["groups"] == 13
    assert part["marks"] == 13 + 39
    assert all(part["axes"].values())
    assert part["named"] == 1
    assert part["columns"] == 8 < part["all"]
    assert part["up"] == sorted(part["up"])
    assert part["down"] == sorted(part["up"], reverse=True)
    assert 0 < part["brushed"] < 13
    assert "Speed-up" in part["tip"]
    assert part["places"] == {"board (fp32)": 13, "local (fp32)": 13, "local (int8)": 13}
    assert part["curves"] == 13


def test_on_a_narrow_screen_nothing_is_cut_off(demo):
    found, console = browse(demo, width=400)
    assert console == []
    assert found["first"]["width"] == 400
    assert found["overflow"] <= 0


def test_a_hostile_title_runs_nothing(tmp_path):
    found, console = browse(results(tmp_path, title=HOSTILE, seeds=(0,)))
    assert console == []
    assert "error" not in found, found
