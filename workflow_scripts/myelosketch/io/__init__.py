"""Floor 0: files and their names: volumes, tables, units, provenance, the files of a run."""
