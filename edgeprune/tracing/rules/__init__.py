"""How each kind of operator passes widths on. One file per kind; :mod:`edgeprune.tracing.registry` finds them."""
