"""Floor 7: the simulated cohort measured like an instrument, and the page that says what it is."""
