"""New patients: the model bundle, their predictions, what is out of range, change over time."""
