"""Figures for publication: each module is one, but for `labels` and `style`, which they share.

A figure has ``add_options(parser)``, for what it reads, and ``make(args)``, which returns the drawing, its data as rows
and its caption. Importing such a module imports matplotlib and seaborn.
"""

import pkgutil


def names() -> list[str]:
    """Names of all figures."""
    return [module.name for module in pkgutil.iter_modules(__path__) if module.name not in ("labels", "style")]
