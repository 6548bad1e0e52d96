"""The static walk that tells Snakemake which modules a job depends on."""

from pathlib import Path

import pytest

from edgeprune.errors import EdgepruneError
from edgeprune.networks.resolve import build
from edgeprune.provenance.sources import ROOT, digests


def files(*entries, **options):
    return [d.partition("@")[0] for d in digests(*entries, **options)]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A project, in its folder."""
    monkeypatch.chdir(tmp_path)

    def write(**contents):
        for name, text in contents.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    write(
        script="import pkg.a\n",
        pkg__a="def f():\n    from pkg import b\n",
        pkg__b="from .sub.c import x\nimport json\n",
        pkg__sub__c="x = 1\n",
        pkg__d="import os\n",
    )
    (tmp_path / "pkg" / "__init__.py").write_text("")
    return tmp_path


def test_follows_imports_in_functions_packages_and_relative(tree):
    assert files("script.py") == ["pkg/__init__.py", "pkg/a.py", "pkg/b.py", "pkg/sub/c.py", "script.py"]


def test_an_edit_changes_one_digest_and_another_place_none(tree, monkeypatch):
    before = digests("script.py")
    copy = tree.parent / "copy.1"
    tree.rename(copy)
    monkeypatch.chdir(copy)
    assert digests("script.py") == before
    (copy / "pkg/b.py").write_text("from .sub.c import x  # edited\n")
    after = digests("script.py")
    assert [d.partition("@")[0] for d in set(after) - set(before)] == ["pkg/b.py"]


def test_factories_outside_the_project_are_left_to_the_requirements(tree):
    (tree / "mine.py").write_text("import helper\n")
    (tree / "helper.py").write_text("")
    assert files("script.py", "torchvision.models:resnet18") == files("script.py")
    assert set(files("mine.py:build")) == {"mine.py", "helper.py"}


def test_among_installed_packages_the_walk_stops_at_this_one(tree, tmp_path_factory, monkeypatch):
    (tree / "edgeprune").mkdir()
    for name, text in {
        "__init__": "",
        "a": "import pkg.a\nfrom edgeprune import b\n",
        "b": "from . import c\n",
        "c": "",
    }.items():
        (tree / "edgeprune" / f"{name}.py").write_text(text)
    own = [f"edgeprune/{name}.py" for name in ("__init__", "a", "b", "c")]
    assert files("edgeprune.a:build", root=tree) == [*own, "pkg/__init__.py", "pkg/a.py", "pkg/b.py", "pkg/sub/c.py"]
    project = tmp_path_factory.mktemp("project")
    (project / "scripts").mkdir()
    (project / "scripts" / "of_the_project.py").write_text("import edgeprune.b\n")
    monkeypatch.chdir(project)
    assert files("edgeprune.a:build", "pkg.a:f", "scripts/of_the_project.py", root=tree) == [
        *own,
        "scripts/of_the_project.py",
    ]


FACTORY = "from torch import nn\n\n\ndef build():\n    return nn.Linear({}, 1)\n"


@pytest.mark.parametrize("absolute", [False, True])
def test_a_factory_outside_the_project_is_digested_as_it_is_imported(tree, tmp_path_factory, monkeypatch, absolute):
    """From the working directory, not from the project's folder, where another file has that name."""
    mine = tmp_path_factory.mktemp("mine") / "net.py"
    mine.write_text("import layers\n" + FACTORY.format(1))
    mine.with_name("layers.py").write_text("")
    (tree / "net.py").write_text(FACTORY.format(7))
    monkeypatch.chdir(tree if absolute else mine.parent)
    monkeypatch.syspath_prepend(mine.parent)
    entry = f"{mine}:build" if absolute else "net.py:build"
    before = digests(entry)
    assert build(entry).in_features == 1
    labels = [f"{mine.parent}/{name}" if absolute else name for name in ("layers.py", "net.py")]
    assert [d.rpartition("@")[0] for d in before] == labels
    for name, label in zip(("layers.py", "net.py"), labels):
        path = mine.with_name(name)
        path.write_text(path.read_text() + "# edited\n")
        after = digests(entry)
        assert [d.rpartition("@")[0] for d in set(after) - set(before)] == [label]
        before = after


def test_a_module_on_the_import_path_is_digested_with_what_it_imports(tree, tmp_path_factory, monkeypatch):
    mine = tmp_path_factory.mktemp("mine")
    (mine / "nets").mkdir()
    for name, text in {"__init__": "", "small": "from .blocks import block\n", "blocks": "block = 1\n"}.items():
        (mine / "nets" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(mine)
    assert files("nets.small:build") == [str(mine / "nets" / f"{n}.py") for n in ("__init__", "blocks", "small")]


@pytest.mark.parametrize("entry", ["none.py:build", "scripts/none.py"])
def test_a_missing_file_is_an_error_and_no_empty_digest(tree, entry):
    with pytest.raises(EdgepruneError, match=r"none\.py: cannot be read: No such file"):
        digests(entry)


def test_public_names_resolve_to_the_module_that_defines_them(tree):
    (tree / "pkg" / "__init__.py").write_text('_EXPORTS = {"run": "pkg.d"}\n')
    (tree / "user.py").write_text("from pkg import run\n")
    assert files("user.py") == ["pkg/__init__.py", "pkg/d.py", "user.py"]


def test_templates_of_a_package_count_and_other_files_do_not(tree, monkeypatch):
    for name in ("pkg/page.html.j2", "pkg/data.bin", "pkg/sub/unused.md.j2"):  # pkg/sub is no package
        (tree / name).write_bytes(b"{{ x }}")
    assert "pkg/page.html.j2" in files("script.py")
    assert not {"pkg/data.bin", "pkg/sub/unused.md.j2"} & set(files("script.py"))
    monkeypatch.chdir(ROOT)
    assert "edgeprune/reporting/templates/results.html.j2" in files("scripts/write_table.py")


def test_stages_do_not_share_what_they_need_not():
    sample, train = set(files("scripts/sample_plan.py")), set(files("scripts/train_network.py"))
    assert not any("training" in f or "tracing" in f for f in sample)
    assert not any("measuring" in f or "plotting" in f for f in train)
    # what a recipe may hold, and nothing of how configurations are read
    assert {f for f in train if "config" in f} == {"edgeprune/config/__init__.py", "edgeprune/config/recipe.py"}
    assert "edgeprune/sampling/sample.py" in sample
    for script in Path(ROOT, "scripts").glob("*.py"):
        assert f"scripts/{script.name}" in files(f"scripts/{script.name}")
