"""What a person looks at: figures, tables and pages."""
