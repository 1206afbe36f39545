"""Floor 1: who is in the cohort, which files, their checks, and the folds."""
