"""Every shipped preset, and a grid with each mode, is planned under every shipped profile; no cluster is asked."""

import pytest
import yaml

from edgeprune.names import MODES
from helpers.workflow import ROOT, TINY, Workspace

PROFILES = sorted(path.name for path in (ROOT / "profiles").iterdir() if path.name != "default")
PRESETS = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))
EVERY_MODE = TINY | {
    "modes": list(MODES),
    "sample_on": "local",
    "references": {"dense": {}, "uniform": {}, "l1": {"modes": ["FA"]}},
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = Workspace(tmp_path_factory.mktemp("profiles"))
    for name in PRESETS:
        (made.root / f"presets/{name}.yaml").write_text((ROOT / f"presets/{name}.yaml").read_text())
    made.write_preset("every-mode", EVERY_MODE)
    return made


def executor(profile):
    return yaml.safe_load((ROOT / "profiles" / profile / "config.yaml").read_text())["executor"]


@pytest.mark.parametrize("preset", [*PRESETS, "every-mode"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_preset_is_planned_under_a_profile(workspace, profile, preset):
    pytest.importorskip(f"snakemake_executor_plugin_{executor(profile).replace('-', '_')}")
    options = ["--profile", f"profiles/{profile}", "--config", f"preset={preset}"]
    if profile == "kubernetes":  # a folder stands for the bucket, which planning looks into
        pytest.importorskip("snakemake_storage_plugin_fs")
        options += ["--default-storage-provider", "fs", "--default-storage-prefix", workspace.root / "bucket"]
    said = workspace.snakemake("-n", "--quiet", "rules", *options)
    assert "total" in said


def test_a_grid_runs_by_a_script_that_submits(workspace):
    pytest.importorskip("snakemake_executor_plugin_cluster_generic")
    submit = workspace.root / "submit"
    submit.write_text('#!/bin/sh\necho "$1" >>submitted\nsh "$2" >/dev/null 2>&1 &\necho $!\n')
    submit.chmod(0o755)
    workspace.write_preset("quick", TINY | {"pairs": TINY["pairs"][:1], "references": {"dense": {}}})
    options = (
        "--cluster-generic-submit-cmd",
        "./submit {name}",
        "--set-threads",
        "measure_model=1",
        "--latency-wait",
        10,
        "--seconds-between-status-checks",
        1,
    )
    said = workspace.run("snakemake", "--profile", "profiles/cluster-generic", *options, "--", "measure")
    submitted = (workspace.root / "submitted").read_text().split()
    packed = ["measure_measure_model", "plan_sample_plan"]
    assert sorted(submitted) == [*packed, "profile_network", "train_network", "train_network"], said
    assert len(list((workspace.root / "results/quick/measure_model").glob("**/seed-*.json"))) == 2
    assert "Nothing to be done" in workspace.snakemake("-n", "--", "measure")
