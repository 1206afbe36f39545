"""The simulated cohort, written as an ordinary BIDS dataset."""
