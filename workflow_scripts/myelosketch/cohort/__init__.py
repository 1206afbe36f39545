"""Floor 1: who is in the cohort: the table, BIDS datasets, folds and the configuration."""
