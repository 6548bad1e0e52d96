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
    said = workspace.snakemake(
        "-n", "--quiet", "rules", "--profile", f"profiles/{profile}", "--config", f"preset={preset}"
    )
    assert "total" in said
