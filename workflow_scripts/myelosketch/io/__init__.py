"""Package 0, the lowest: files and their names, that is volumes, tables, units, provenance, the files of a run."""
