"""Which filters to leave out: plans, and the methods that draw them. Needs neither torch nor pandas."""
