"""From the runs' metrics and measurements to tables and captions. Needs neither torch nor matplotlib."""
