"""What a model costs on a device, measured there. :mod:`~edgeprune.measuring.standalone` runs without edgeprune."""
