"""The measuring program: a folder that runs on a board by itself, ``python3 standalone --help``; see ``command``.

It needs Python >= 3.8, numpy and a runtime; psutil only where there is no /proc.
"""
