"""What a network costs, as a function of its widths. Needs neither torch nor numpy."""
