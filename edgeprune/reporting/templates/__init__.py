"""Jinja templates of the tables and pages: ``*.j2`` in this folder, filled in by :func:`render`.

Those with ``.html`` in the name escape what they are given. In the others, the filter ``tex`` makes text fit for
LaTeX, ``cell`` for a Markdown table. An unknown name in a template is an error.
"""

from __future__ import annotations

from functools import cache
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from edgeprune.reporting import latency

if TYPE_CHECKING:
    import jinja2

#: Signs that LaTeX has no letters for, or reads as its own.
_TEX = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "±": "$\\pm$", "−": "$-$",
    "–": "--", "µ": "$\\mu$", "≈": "$\\approx$", "<": "$<$", ">": "$>$", **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def render(name: str, **values: Any) -> str:
    """The text of the template ``<name>.j2`` with the values in it."""
    return _environment().get_template(f"{name}.j2").render(latency=latency.SAID, **values)


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # here, because it is slow and a table for a terminal needs none

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__, ""),
        autoescape=lambda name: ".html" in (name or ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tex"] = methodcaller("translate", str.maketrans(_TEX))
    environment.filters["cell"] = methodcaller("replace", "|", "\\|")
    return environment
