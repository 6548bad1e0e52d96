"""Figures for publication. Importing a module here imports matplotlib and seaborn."""
