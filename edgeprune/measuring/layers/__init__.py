"""A device's table of layer costs: what is measured there, and how the table is made of it."""
