"""Trees of empty BIDS files and the tables read from them, shared by the tests of BIDS datasets."""

from pathlib import Path

import pytest
import yaml

from myelosketch.cohort.bids import read_bids
from myelosketch.errors import InputError

ROOT = Path(__file__).parents[2]
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text())["cohort"]["bids"]
SCHEMA = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())
MAPS = (
    "anat/{scan}_T1w.nii.gz",
    "anat/{scan}_MTRmap.nii.gz",
    "dwi/{scan}_model-tensor_param-fa_dwimap.nii.gz",
    "dwi/{scan}_model-tensor_param-rd_dwimap.nii.gz",
    "dwi/{scan}_model-tensor_param-ad_dwimap.nii.gz",
    "pet/{scan}_trc-PIB_meas-DVR_mimap.nii.gz",
)
LESIONS = "anat/{scan}_label-lesion_mask.nii.gz"


def make_dataset():
    """A dataset of the patient 01 and the control 02 in the working directory."""
    touch("ds/sub-01", *MAPS, LESIONS)
    touch("ds/sub-02", *MAPS)
    people("sub-01\tMS", "sub-02\tHC")


def touch(folder, *names):
    """Empty files of one scan; {scan} in a name is the scan's name."""
    scan = "_".join(part for part in Path(folder).parts if part.startswith(("sub-", "ses-")))
    for name in names:
        path = Path(folder) / name.format(scan=scan)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def people(*rows, header="participant_id\tgroup", path="ds/participants.tsv"):
    Path(path).write_text("\n".join([header, *rows]) + "\n")


def read(**settings):
    return read_bids(DEFAULTS | {"dataset": "ds"} | settings)[0]


def hints(**settings):
    return read_bids(DEFAULTS | {"dataset": "ds"} | settings)[1]


def refusal(**settings):
    """Lines of the error message after the first one."""
    with pytest.raises(InputError) as caught:
        read(**settings)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("The BIDS dataset ")
    return lines


def row(table, scan):
    return table.set_index("scan").loc[scan]
