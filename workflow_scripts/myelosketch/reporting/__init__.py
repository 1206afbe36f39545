"""Floor 6: figures and the report."""
