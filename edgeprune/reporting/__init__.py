"""From the runs' metrics and measurements to tables and captions. Needs neither torch nor matplotlib."""

from typing import Any

#: What is known of a run, or of a group of runs, at one place: see :mod:`edgeprune.reporting.runs`.
Row = dict[str, Any]
