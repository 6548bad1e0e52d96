"""Complexity-driven structured pruning of CNNs at initialisation.

The public names are imported on first use, so that ``import edgeprune`` costs nothing.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["EdgepruneError", "Plan", "Profile", "load", "profile", "prune", "register_rule", "sample"]

#: Public name -> the module that defines it. A literal: `edgeprune.provenance.sources` reads it.
_EXPORTS = {
    "EdgepruneError": "edgeprune.errors",
    "Plan": "edgeprune.sampling.plan",
    "Profile": "edgeprune.complexity.profile",
    "load": "edgeprune.training.restore",
    "profile": "edgeprune.tracing.profile",
    "prune": "edgeprune.surgery.prune",
    "register_rule": "edgeprune.tracing.registry",
    "sample": "edgeprune.sampling.sample",
}


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'edgeprune' has no attribute {name!r}")
    from edgeprune.errors import extras

    with extras():
        return getattr(import_module(_EXPORTS[name]), name)
