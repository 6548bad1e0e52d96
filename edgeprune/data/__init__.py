"""Datasets: fetched once into memory-mappable files with a manifest, then read by NumPy alone."""
