"""Makes a smaller network out of a plan (needs torch)."""
