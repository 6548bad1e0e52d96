"""A minimal plan: only what surgery reads."""

from types import SimpleNamespace


def shrink(profile, factor=0.5, minus=0):
    """Every group at ``factor`` of its width; ``minus`` takes a few units more, differently from group to group."""
    widths = {g.name: max(1, int(g.width * factor) - (i % 3 if minus else 0)) for i, g in enumerate(profile.groups)}
    return plan(profile, widths)


def plan(profile, widths):
    return SimpleNamespace(widths=widths, profile=profile, profile_digest=profile.digest)
