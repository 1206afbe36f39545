"""Measure the simulated cohort, compare it with the literature, and write the page about it."""
