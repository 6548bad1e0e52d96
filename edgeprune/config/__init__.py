"""The experiment file: reading, checking, merging, and the grid of runs that it spans. No torch, no numpy."""
