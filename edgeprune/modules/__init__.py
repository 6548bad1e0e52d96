"""Copies a module tree with other tensors, and with other widths (needs torch)."""
