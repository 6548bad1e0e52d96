"""Write all results as tables: CSV (runs and groups), Markdown, LaTeX, HTML."""

import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune import files
from edgeprune.reporting import baseline, captions, runs, script, table


def main(argv=None):
    parser = script.Parser(description=__doc__)
    script.add_runs(parser)
    parser.add_argument("--baselines", nargs="*", default=[], help="baseline.json of these datasets")
    parser.add_argument("--out-csv", required=True, help="groups as CSV; the runs go to runs.csv beside it")
    parser.add_argument("--out-runs", help="another place for the runs' CSV")
    parser.add_argument("--out-md")
    parser.add_argument("--out-tex")
    parser.add_argument("--out-html", help="a page of its own with tables that sort")
    parser.add_argument("--out-caption", help="reStructuredText for the report")
    args = parser.parse_args(argv)
    rows = runs.read_tables(args.runs)
    groups, baselines = runs.group(rows), baseline.read(args.baselines)
    files.write_text(args.out_runs or Path(args.out_csv).with_name("runs.csv"), table.to_csv(rows))
    files.write_text(args.out_csv, table.to_csv(groups))
    for path, make in (
        (args.out_md, table.markdown),
        (args.out_tex, table.latex),
        (args.out_html, table.page),
        (args.out_caption, captions.results),
    ):
        if path:
            files.write_text(path, make(groups, baselines))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
