"""Lists of files on their way from a rule's inputs to a script's options."""

import json
import sys

from edgeprune.reporting import script
from helpers.toyflow import Toy
from helpers.workflow import ROOT


def test_an_empty_line_of_a_list_is_no_argument(tmp_path):
    parser = script.Parser()
    script.add_files(parser)
    (tmp_path / "two").write_text("a/metrics.json\nb c/metrics.json\n")
    (tmp_path / "none").write_text("\n")
    args = parser.parse_args(["--metrics", f"@{tmp_path}/two", "--measurements", f"@{tmp_path}/none"])
    assert args.metrics == ["a/metrics.json", "b c/metrics.json"]
    assert args.measurements == []


def test_a_list_of_thousands_of_files_reaches_a_script(tmp_path):
    """More than the system takes as one argument, 128 KiB on Linux."""
    toy, common = Toy(tmp_path), (ROOT / "rules" / "common.smk").read_text()
    names = [f"results/a-network-of-some-length/a-dataset/a-variant/seed-{n}/metrics.json" for n in range(3000)]
    for name in names:
        path = toy.root / name
        path.parent.mkdir(parents=True)
        path.touch()
    (toy.root / "script.py").write_text(
        f"import json, sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom edgeprune.reporting import script\n"
        "parser = script.Parser()\nscript.add_files(parser)\nparser.add_argument('--out')\n"
        "args = parser.parse_args()\njson.dump([args.metrics, args.timings], open(args.out, 'w'))\n"
    )
    (toy.root / "Snakefile").write_text(
        common[common.index("def lists(") : common.index("digests_of")]
        + f"rule all:\n    input: metrics={names!r}, timings=[]\n    output: 'out.json'\n    params: files=listed\n"
        f"    shell: f\"{sys.executable} script.py {{lists('metrics', 'timings')}} --out {{{{output}}}};\"\n"
        f"        '{sys.executable} script.py {{params.files}} --out {{output}}.again'\n"
    )
    toy.snakemake("--quiet", "all")
    assert json.loads((toy.root / "out.json").read_text()) == [names, []]
    assert json.loads((toy.root / "out.json.again").read_text()) == [names, []]
