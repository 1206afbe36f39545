"""Who is in the cohort, from the table, BIDS datasets, folds and the configuration."""
