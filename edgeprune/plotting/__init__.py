"""Figures for publication: each module is one, but for `labels` and `style`, which they share.

A figure has ``add_options(parser)``, for what it reads, and ``make(args)``, which returns the drawing, its data as rows
and its caption. Importing such a module imports matplotlib and seaborn. The package `kinds` is a part of `samples`.
"""

import pkgutil


def names() -> list[str]:
    """Names of all figures."""
    return [m.name for m in pkgutil.iter_modules(__path__) if m.name not in ("kinds", "labels", "style")]
