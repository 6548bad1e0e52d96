"""Draw a figure of the report, with its data and its caption; `draw_figure.py FIGURE --help` says what it reads."""

import sys
from importlib import import_module

import edgeprune.entrypoint
from edgeprune import files, plotting
from edgeprune.reporting import script


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    parser = script.Parser(description=__doc__)
    parser.add_argument("figure", choices=plotting.names())
    name = parser.parse_args(argv[:1]).figure
    figure = import_module(f"edgeprune.plotting.{name}")
    parser.description = figure.__doc__
    figure.add_options(parser)
    parser.add_argument("--out-svg")
    parser.add_argument("--out-png")
    parser.add_argument("--out-pdf")
    parser.add_argument("--out-csv", help="the data of the figure")
    parser.add_argument("--out-caption", help="reStructuredText for the report")
    args = parser.parse_args(argv)

    from edgeprune.plotting import style
    from edgeprune.reporting import table

    drawing, rows, caption = figure.make(args)
    style.save(drawing, args.out_svg, args.out_png, args.out_pdf)
    if args.out_csv:
        files.write_text(args.out_csv, table.to_csv(rows))
    if args.out_caption:
        files.write_text(args.out_caption, caption)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
