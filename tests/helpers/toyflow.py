"""A workflow of three small jobs with a ledger, and what stands in for `dvc checkout`: for tests of provenance."""

import contextlib
import io
import re
import shutil
from pathlib import Path

from snakemake import cli

ROOT = Path(__file__).parents[2]
LEDGERS = {f"results/p/provenance/{name}.jsonl": [f"results/p/{name}"] for name in ("make", "use", "join")}
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from snakeledger.reconcile import reconcile as reconcile_results

configfile: "config.yaml"

def reconcile(**options):
    for line in reconcile_results(".", {LEDGERS!r}, **options).said():
        print(line, file=sys.stderr)

if workflow.is_main_process:
    reconcile()

onsuccess: reconcile(mend=True)
onerror: reconcile(mend=True)

rule all:
    input: "results/p/join/all.txt"

rule make:
    output: "results/p/make/{{x}}.txt", "results/p/make/{{x}}.log"
    params: lr=lambda w: config["lr"][w.x], note=config["note"]
    shell: "echo make {{wildcards.x}} >> runs.txt; test {{params.lr}} != 13; "
        "echo {{wildcards.x}} {{params.lr}} > {{output[0]}}; echo done > {{output[1]}}"

rule use:
    input: "results/p/make/{{x}}.txt"
    output: "results/p/use/{{x}}.txt"
    shell: "echo use {{wildcards.x}} >> runs.txt; tr a-z A-Z < {{input}} > {{output}}"

rule join:
    input: "results/p/use/a.txt", "results/p/use/b.txt"
    output: "results/p/join/all.txt"
    shell: "echo join >> runs.txt; cat {{input}} > {{output}}"
"""


class Toy:
    """``versions`` holds saved results, as DVC's cache would."""

    def __init__(self, folder):
        self.root, self.versions = Path(folder) / "work", Path(folder) / "versions"
        self.root.mkdir()
        (self.root / "Snakefile").write_text(SNAKEFILE)
        self.configure()

    def configure(self, a=1, b=1, note="x"):
        (self.root / "config.yaml").write_text(f"lr: {{a: {a}, b: {b}}}\nnote: {note}\n")

    def path(self, name):
        return self.root / "results/p" / name

    def snakemake(self, *args, ok=True):
        """In this process: starting Snakemake costs ten times what planning this workflow does."""
        said = io.StringIO()
        with contextlib.chdir(self.root), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            parser, settings = cli.parse_args(["--cores", "1", *args])
            done = cli.args_to_api(settings, parser)
        self.said = said.getvalue()
        assert done == ok, self.said
        return self.said

    def ran(self, *args, ok=True):
        """The jobs that a run ran, such as {"make a", "join"}."""
        log = self.root / "runs.txt"
        log.unlink(missing_ok=True)
        self.snakemake("--keep-going", *args, ok=ok)
        return set(log.read_text().splitlines()) if log.exists() else set()

    def planned(self):
        """What a dry run plans."""
        made = re.findall(r"^ +output: results/p/(\w+)/(\w+)", self.snakemake("-n"), re.MULTILINE)
        return {rule if rule == "join" else f"{rule} {x}" for rule, x in made}

    def save(self, name):
        shutil.copytree(self.root / "results", self.versions / name)

    def checkout(self, name, *parts, link=False):
        """Put saved results (or parts of them) into place the way DVC does: what differs, with the time of now."""
        saved = self.versions / name / "p"
        for part in parts or [""]:
            if self.path(part).is_dir():
                for old in [p for p in self.path(part).rglob("*") if p.is_file()]:
                    if not (saved / old.relative_to(self.path(""))).is_file():
                        old.unlink()
            for file in [saved / part] if (saved / part).is_file() else sorted((saved / part).rglob("*")):
                target = self.path(file.relative_to(saved))
                if file.is_dir() or (target.exists() and not link and target.read_bytes() == file.read_bytes()):
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                if link:
                    target.symlink_to(file)
                else:
                    shutil.copyfile(file, target)
