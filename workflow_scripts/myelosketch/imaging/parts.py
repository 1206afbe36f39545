"""Several scans prepared or registered in one job, one after the other, and the record of their files."""

from myelosketch.cohort.parts import write_record
from myelosketch.errors import for_each
from myelosketch.imaging.anatomy import prepare_anatomy
from myelosketch.imaging.quality import check_registration
from myelosketch.imaging.registration import register_scan


def prepare_scans(scans, record, **settings):
    """Prepare the anatomy of several scans.

    Parameters
    ----------
    scans : list of dict: ``scan``, and the arguments ``inputs``, ``outputs`` and ``units`` of
        `anatomy.prepare_anatomy`
    record : path of their record
    settings : the other arguments of `prepare_anatomy`

    Raises
    ------
    InputError : what `prepare_anatomy` says, of all scans that fail
    """

    def prepare(entry):
        inputs = entry["inputs"] | {"t1w": entry["inputs"]["T1w"]}
        prepare_anatomy(inputs, entry["outputs"], units=entry["units"], **settings)

    for_each(scans, prepare)
    _write(record, scans)


def register_scans(scans, record, **settings):
    """Register several scans to their PET, and measure how they lie there.

    Parameters
    ----------
    scans : list of dict: ``scan``, ``group``, and the arguments ``inputs``, ``outputs`` and ``units`` of
        `registration.register_scan` and `quality.check_registration`
    record : path of their record
    settings : the other arguments of both, ``registration`` and ``seed``

    Raises
    ------
    InputError : what both say, of all scans that fail
    """

    def register(entry):
        inputs, outputs, units = (entry[key] for key in ("inputs", "outputs", "units"))
        register_scan(inputs, outputs, units=units, **settings)
        inputs = inputs | {"xfm_t1w_to_petref": outputs["xfm_t1w_to_petref"]}
        known = {key: entry[key] for key in ("scan", "group")}
        check_registration(inputs, outputs, units=units, **known, **settings)

    for_each(scans, register)
    _write(record, scans)


def _write(record, scans):
    write_record(
        record,
        [{"scan": entry["scan"], "file": path} for entry in scans for path in entry["outputs"].values()],
    )
