"""The documentation's code blocks run, and its links lead somewhere.

What a block is for stands after the language of its fence: ``test`` runs Python or console commands, ``fails`` expects
the commands to be refused, ``file=NAME`` writes the block, ``merge=NAME`` merges YAML into a file, ``patch`` changes
lines of files. The blocks of one document run in order in one copy of the repository; Python blocks share their names.
In a console block, the lines without ``$`` must appear in what its commands print, whatever the spaces between their
words.
"""

import os
import re
import shlex
import subprocess
import sys

import pytest
import torch
import yaml

from edgeprune.cli import main
from edgeprune.config import check
from edgeprune.config.load import merge
from edgeprune.provenance.sources import digests
from edgeprune.tasks import TASKS
from edgeprune.tracing.registry import COUNTS, RULES
from helpers.imagefiles import dataset, shapes, write_folder
from helpers.workflow import BRIEF, ROOT, Workspace

torch.set_num_threads(1)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text):
    """``[(line, language, instruction, code)]`` of the fenced blocks that have an instruction."""
    found = []
    for match in re.finditer(r"^```(\w+) +(test|fails|patch|\w+=\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        found.append((text[: match.start()].count("\n") + 1, *match.groups()))
    return found


class Runner:
    def __init__(self, workspace, capsys):
        self.workspace, self.capsys, self.names = workspace, capsys, {"__name__": "__main__"}

    def run(self, document):
        for line, language, instruction, code in blocks(document.read_text()):
            kind, _, name = instruction.partition("=")
            try:
                if kind == "file":
                    (self.workspace.root / name).write_text(code)
                elif kind == "patch":
                    self.patch(code)
                elif kind == "merge":
                    self.merge(self.workspace.root / name, yaml.safe_load(code))
                elif language == "python":
                    exec(compile(code, f"{document.name}:{line}", "exec"), self.names)
                else:
                    self.console(code, fails=kind == "fails")
            except Exception as error:
                raise AssertionError(f"{document.name}, the block at line {line}: {error}") from error

    @staticmethod
    def merge(path, value):
        path.write_text(yaml.safe_dump(merge(yaml.safe_load(path.read_text()), value), sort_keys=False))

    def patch(self, code):
        """Apply a diff without line numbers: each hunk's old lines stand once in its file."""
        for part in re.split(r"^--- .*\n", code, flags=re.MULTILINE)[1:]:
            name, *hunks = re.split(r"^@@.*\n", part, flags=re.MULTILINE)
            path = self.workspace.root / name.strip().removeprefix("+++ b/")
            text = path.read_text()
            for hunk in hunks:
                lines = hunk.splitlines(keepends=True)
                old, new = ("".join(line[1:] for line in lines if line[0] in kinds) for kinds in (" -", " +"))
                assert text.count(old) == 1, f"{path.name} has not these lines once:\n{old}"
                text = text.replace(old, new)
            path.write_text(text)

    def console(self, code, fails=False):
        lines, printed = code.splitlines(), ""
        for command in [line[2:] for line in lines if line.startswith("$ ")]:
            program, *args = shlex.split(command, comments=True)
            printed += self.edgeprune(args, fails) if program == "edgeprune" else self.tool(program, args, fails)
        for line in lines:
            if not line.startswith("$ ") and line.strip():
                pattern = r"\s+".join(map(re.escape, line.split()))
                assert re.search(pattern, printed), f"{line.strip()!r} is not in:\n{printed[-3000:]}"

    def edgeprune(self, args, fails):
        code = main(args)
        out, err = self.capsys.readouterr()
        assert code == int(fails), err
        return out + err

    def tool(self, program, args, fails):
        if program in ("snakemake", "dvc"):
            return self.workspace.run(program, *args, ok=not fails)
        command = [sys.executable if program == "python" else program, *args]
        environment = os.environ | {"PYTHONPATH": str(self.workspace.root)}
        done = subprocess.run(command, cwd=self.workspace.root, env=environment, capture_output=True, text=True)
        assert done.returncode == int(fails), done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def runner(tmp_path, monkeypatch, capsys):
    workspace = Workspace(tmp_path)
    Runner.merge(tmp_path / "config.yaml", {"devices": {"local": BRIEF}, "figures": ["samples"]})
    write_folder(tmp_path / "my-images", dataset(train=20, test=10, size=(32, 32)))
    write_folder(tmp_path / "my-scans", shapes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before, rules, counts = set(sys.modules), dict(RULES), dict(COUNTS)
    yield Runner(workspace, capsys)
    for table, ours in ((RULES, rules), (COUNTS, counts)):
        table.clear()
        table.update(ours)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d.read_text())], ids=lambda d: d.name)
def test_code_blocks_run(document, runner):
    runner.run(document)


def test_a_task_is_one_file_one_line_of_its_table_and_a_preset():
    """The guide's example, which :func:`test_code_blocks_run` runs to the end, edits nothing else."""
    section = (ROOT / "docs/adding.md").read_text().partition("\n## A task\n")[2].partition("\n## ")[0]
    edits = {instruction: code for _, _, instruction, code in blocks(section) if instruction != "test"}
    assert list(edits) == ["file=edgeprune/tasks/counting.py", "patch", "file=presets/counting.yaml"]
    changed = [line for line in edits["patch"].splitlines() if line[0] in "+-"]
    assert changed == [
        "--- a/edgeprune/tasks/tasks.toml",
        "+++ b/edgeprune/tasks/tasks.toml",
        '+counting = "edgeprune.tasks.counting:Counting"',
    ]


def test_a_task_more_makes_nobody_train_again():
    reached = {digest.partition("@")[0] for digest in digests("scripts/train_network.py", *TASKS.values())}
    assert "edgeprune/tasks/segmentation.py" in reached
    assert "edgeprune/tasks/tasks.toml" not in reached


def test_every_block_of_the_guide_runs():
    guide = (ROOT / "docs/own-network.md").read_text()
    assert len(blocks(guide)) == len(re.findall(r"^```\w", guide, re.MULTILINE)) > 8


@pytest.mark.parametrize(
    "block",
    [
        "```python test\nassert 1 == 2\n```\n",
        "```console test\n$ edgeprune --no-such-option\n```\n",
        "```console test\n$ edgeprune show none.json\n```\n",
        "```console fails\n$ edgeprune show none.json\nanother message\n```\n",
    ],
)
def test_a_wrong_block_is_noticed(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.md").write_text(block)
    with pytest.raises((AssertionError, SystemExit)):
        Runner(None, capsys).run(tmp_path / "wrong.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_links_lead_to_files_and_headings(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        path, _, heading = target.partition("#")
        if ":" not in path:
            file = document.parent / path if path else document
            assert file.exists(), target
            if heading:
                titles = re.findall(r"^#+ +(.+)$", file.read_text(), re.MULTILINE)
                assert heading in [re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles], target


def test_the_table_of_supported_networks_is_of_this_repositorys_networks():
    from helpers.architectures import ARCHITECTURES
    from helpers.zoo import ZOO

    rows = re.findall(
        r"^\| ([^|]+) \| \d[^|]*\|.*?\| (yes|\w+, see below) \|", (ROOT / "docs/support.md").read_text(), re.M
    )
    names = [name for name, _ in rows]
    assert {*ARCHITECTURES, *ZOO} <= set(names), "run benchmarks/support.py"
    assert len(names) - len(ARCHITECTURES) - len(ZOO) > 70  # torchvision's
    assert sum(exact != "yes" for _, exact in rows) <= 5  # refused, with a reason


def test_the_reference_has_every_key_command_script_and_module(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    import generated

    schema = check.schema()
    keys, packages = generated.config_keys(), generated.packages()
    for part in (schema, *(d for d in schema["$defs"].values() if "properties" in d)):
        assert all(f"| `{key}` |" in keys for key in part["properties"])
    assert all(f"## edgeprune {name}\n" in generated.command_help() for name in ("profile", "sample", "prune", "show"))
    helps, scripts = generated.script_help(), [file.name for file in (ROOT / "scripts").glob("*.py")]
    assert all(f"## scripts/{name}\n\n```text\nusage: {name}" in helps for name in scripts)
    assert all(f"| `{file.stem}` |" in packages for file in (ROOT / "edgeprune" / "sampling").glob("[a-z]*.py"))
    assert "| `denoising` | image | PSNR (dB) | `sigma: 25.0` | noisy input |" in generated.task_table()
