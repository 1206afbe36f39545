"""Package 1: who is in the cohort, from the table, BIDS datasets, folds and the configuration."""
