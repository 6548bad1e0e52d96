"""Finds how a network's parameters, operations and feature maps depend on the widths of its layers (needs torch)."""
