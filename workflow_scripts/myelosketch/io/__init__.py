"""Files and their names, that is volumes, tables, units, provenance, the files of a run."""
