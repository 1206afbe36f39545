"""The figures of the report, the tables from which they are drawn, and their common style."""
