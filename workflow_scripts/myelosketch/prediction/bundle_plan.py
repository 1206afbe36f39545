"""Which runs can be bundled, and the files that a bundle is made from: what the workflow asks when it plans."""

from myelosketch.errors import InputError
from myelosketch.learning.ladder import GENERATORS, needed_models

# the images of each scan, and the tables of the evaluation, that a bundle is made from
IMAGES = ("mtr", "fa", "rd", "ad", "dvr", "regions")
SOURCE_TABLES = ("regions", "lesions", "demyelination", "calibration", "summary")


def bundled_models(method: str, *, n_controls: int, reference: str) -> list[str]:
    """Methods whose models a bundle holds, if the run can be bundled.

    Parameters
    ----------
    method : the method that new patients are predicted by
    n_controls : participants of the cross-validation that are controls
    reference : the configuration's ``evaluation.reference``

    Returns
    -------
    list of str

    Raises
    ------
    InputError : the method has no network, or healthy white matter is not known as one mean and SD
    """
    if method not in GENERATORS:
        raise InputError(
            f"The method shown is {method}, which is no network, so there is no model to bundle: name one of "
            f"{', '.join(GENERATORS)} as reporting.method and among training.methods."
        )
    if not n_controls:
        raise InputError(
            "The cohort has no control (HC), so a bundle could not say which voxels are demyelinated: add controls."
        )
    if reference != "pooled":
        raise InputError(
            f"evaluation.reference is {reference}, but a bundle knows healthy white matter as one mean and SD: set "
            "it to pooled; nothing is trained again."
        )
    return needed_models([method])
