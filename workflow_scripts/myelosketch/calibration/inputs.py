"""Files of a run that the calibration reads. Few imports: the study calls this while it is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from myelosketch.errors import InputError
from myelosketch.io.names import derived_maps, session_of, subject_of
from myelosketch.simulation.cohort import truth_files

if TYPE_CHECKING:
    from myelosketch.cohort.finished_run import FinishedRun

GIVEN = ("T1w", "FLAIR", "lesion_mask")
OF_LESIONS = ("lesions", "lesion_table")
TRUTH = ("poses", "rescan", "noisefree", "visible", "tissue", *OF_LESIONS)
# what the study needs, which is less than a finished run
FINISH = (
    "simulate the cohort first (snakemake --cores all simulated_cohort cohort), and with simulation.level: signals "
    "derive its maps too (snakemake --cores all registration)"
)


def check_simulated(config: Mapping[str, Any]) -> None:
    """Raise an error if the cohort of the run is not simulated.

    Raises
    ------
    InputError : the cohort of the run is not simulated
    """
    if config["cohort"]["source"] != "simulate":
        raise InputError(
            f"cohort.source is {config['cohort']['source']}; calibration measures the simulated cohort, whose truth "
            "is known: set cohort.source to simulate."
        )


def measured_files(run: FinishedRun, scan: str) -> dict[str, str]:
    """Return the files of a simulated scan that the calibration reads.

    Parameters
    ----------
    run : cohort.finished_run.FinishedRun
    scan : str

    Returns
    -------
    dict : FA, RD, AD, MTR and DVR, as simulated or as the run derived them from simulated raw images; those of GIVEN
        that the scan has; ``truth_<name>`` for those of TRUTH that it has
    """
    row = run.cohort.rows[scan]
    derived = derived_maps(run.config["maps"]["dvr_model"])
    maps = {name: row[name] or run.derivative(key, scan) for name, key in derived.items()}
    given = {name: row[name] for name in GIVEN if row[name]}
    truth = truth_files(f"{run.results}/simulated", subject_of(scan), session_of(scan))
    known = [name for name in TRUTH if row["group"] == "MS" or name not in OF_LESIONS]
    return maps | given | {f"truth_{name}": truth[name] for name in known}
