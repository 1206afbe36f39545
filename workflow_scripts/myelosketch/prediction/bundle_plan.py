"""Plan of a bundle for the workflow: whether a run can be bundled, and the source files."""

from myelosketch.errors import InputError
from myelosketch.learning.ladder import GENERATORS, needed_models

# sources of a bundle: images of each scan, and tables of the evaluation
IMAGES = ("mtr", "fa", "rd", "ad", "dvr", "regions")
SOURCE_TABLES = ("regions", "lesions", "demyelination", "calibration", "summary")


def bundled_models(method: str, *, n_controls: int, reference: str) -> list[str]:
    """Return the methods with models in the bundle, after checking that the run can be bundled.

    Parameters
    ----------
    method : the method that predicts new patients
    n_controls : number of controls in the cross-validation
    reference : the configuration's ``evaluation.reference``

    Returns
    -------
    list of str

    Raises
    ------
    InputError : the method has no network, there is no control, or the reference of healthy white matter is voxelwise
    """
    if method not in GENERATORS:
        raise InputError(
            f"The method shown is {method}, which is not a network, so there is no model to bundle: set "
            f"reporting.method to one of {', '.join(GENERATORS)} and list it in training.methods."
        )
    if not n_controls:
        raise InputError(
            "The cohort has no control (HC), so a bundle cannot define demyelinated voxels: add controls."
        )
    if reference != "pooled":
        raise InputError(
            f"evaluation.reference is {reference}, but a bundle stores one mean and SD of healthy white matter: set "
            "it to pooled. No training is repeated."
        )
    return needed_models([method])
