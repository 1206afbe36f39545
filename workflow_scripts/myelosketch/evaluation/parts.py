"""Several scans scored in one job, their tables put together."""

import tempfile
from pathlib import Path

from myelosketch.cohort.parts import write_record
from myelosketch.errors import for_each
from myelosketch.evaluation.gather import gather_tables
from myelosketch.evaluation.scoring import TABLES, score_scan


def score_scans(scans, outputs, *, settings, record=None):
    """Score several scans and write each table of all of them.

    Parameters
    ----------
    scans : list of dict, one per scan: the arguments ``files``, ``predictions``, ``masks``, ``scan``, ``subject``,
        ``group`` and ``fold`` of `scoring.score_scan`
    outputs : dict, names among `scoring.TABLES` -> TSV to write
    settings : dict, as of `score_scan`
    record : path of the record of the masks, if they are wanted

    Raises
    ------
    InputError : what `score_scan` says, of all scans that fail
    """
    with tempfile.TemporaryDirectory() as folder:

        def score(entry):
            tables = {name: _own(folder, entry, name) for name in TABLES}
            tables["voxelwise"].parent.mkdir()
            score_scan(tables=tables, settings=settings, **entry)

        for_each(scans, score)
        for name, output in outputs.items():
            gather_tables([_own(folder, entry, name) for entry in scans], output)
    if record:
        masks = [(entry["scan"], *mask) for entry in scans for mask in entry["masks"].items()]
        write_record(record, [{"scan": scan, "file": path, "method": name} for scan, name, path in masks])


def _own(folder, entry, name):
    return Path(folder) / entry["scan"] / f"{name}.tsv"
