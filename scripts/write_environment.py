"""Write where results come from, devices, software, commit and configuration, as a page for the report."""

import sys

import edgeprune.entrypoint
from edgeprune import files
from edgeprune.reporting import environment, script


def main(argv=None):
    parser = script.Parser(description=__doc__)
    script.add_files(parser)
    parser.add_argument("--requirements", default="requirements.in", help="whose packages are listed")
    parser.add_argument("--config", required=True, help="the stored configuration of the preset")
    parser.add_argument("--out-html", required=True)
    parser.add_argument("--out-caption", help="reStructuredText for the report")
    args = parser.parse_args(argv)
    page = environment.page(args.metrics, args.measurements, args.timings, args.requirements, args.config)
    files.write_text(args.out_html, page)
    if args.out_caption:
        files.write_text(args.out_caption, environment.caption(args.measurements))


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
