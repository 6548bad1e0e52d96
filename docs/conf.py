"""Settings of Sphinx, which builds these pages: `make docs`."""

import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import generated  # noqa: E402

import edgeprune  # noqa: E402

project = "edgeprune"
version = release = edgeprune.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "*-answer.md"]  # the latter are the beginnings of pages of results
html_theme = "furo"
html_title = f"edgeprune {version}"
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
# Blocks of JSON with something left out.
suppress_warnings = ["misc.highlighting_failure"]


def fill(app, name, source):
    """Put what the code and the schema say where a page asks for it; a README elsewhere is text here, no link."""
    source[0] = re.sub(r"\[([^]]+)\]\(\.\./[^)]+\.md(?:#[^)]*)?\)", r"\1", source[0])
    for marker, write in generated.PARTS.items():
        if marker in source[0]:
            source[0] = source[0].replace(marker, write())


def setup(app):
    app.connect("source-read", fill)
