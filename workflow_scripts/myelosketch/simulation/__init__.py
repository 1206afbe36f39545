"""Floor 2: the simulated cohort, written as an ordinary BIDS dataset."""
