"""Floor 7: what a person looks at: figures, tables and pages."""
