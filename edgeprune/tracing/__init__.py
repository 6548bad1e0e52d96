"""Finds how a network's parameters, operations and feature maps depend on the widths of its layers (needs torch)."""

from edgeprune.tracing import rules as rules  # first of all, so that what a user registers replaces ours
