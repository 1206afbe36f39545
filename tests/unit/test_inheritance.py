"""Metadata files that a BIDS dataset keeps above its images."""

import os
from pathlib import Path

import pytest

from myelosketch.cohort.table import companions
from myelosketch.errors import InputError
from myelosketch.io.inheritance import metadata_files, nearest

DWI = "ds/sub-01/dwi/sub-01_acq-x_dwi.nii.gz"


def files(*paths):
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()


@pytest.mark.parametrize(
    "above",
    ["ds/dwi.bval", "ds/acq-x_dwi.bval", "ds/sub-01/sub-01_dwi.bval", "ds/sub-01/dwi/sub-01_acq-x_dwi.bval"],
)
def test_gradients_are_found_at_every_level(here, above):
    files(DWI, above, "ds/acq-y_dwi.bval", "ds/acq-x_bold.bval", "dwi.bval", "ds/sub-02/dwi.bval")
    assert nearest(DWI, ".bval") == Path(above)
    beside = DWI.replace("nii.gz", "bvec")
    assert companions("dwi", DWI) == {
        "bval": above,
        "bvec": beside,
    }  # an absent file gets its expected place


def test_the_nearest_file_holds_and_every_json_is_known_from_far_to_near(here):
    image = "ds/sub-03/ses-1/pet/sub-03_ses-1_trc-PIB_pet.nii.gz"
    jsons = [
        "ds/trc-PIB_pet.json",
        "ds/sub-03/sub-03_pet.json",
        "ds/sub-03/ses-1/sub-03_ses-1_pet.json",
        "ds/sub-03/ses-1/pet/sub-03_ses-1_trc-PIB_pet.json",
    ]
    files(image, *jsons, "ds/sub-03/ses-2_pet.json", "ds/sub-03/ses-1/pet/sub-03_ses-1_pet.json")
    assert metadata_files(image) == [Path(path) for path in jsons]
    assert companions("pet", image) == {"json": jsons[-1]}
    os.remove(jsons[-1])
    assert metadata_files(image)[-1].name == "sub-03_ses-1_pet.json"  # the folder is listed again


def test_outside_a_dataset_only_the_file_beside_an_image_counts(here):
    files("maps/pet.json", "maps/01_pet.nii", "maps/01_pet.json", "maps/sub-01_pet.nii.gz")
    files("maps/sub-02/sub-01_pet.nii")
    assert metadata_files("maps/01_pet.nii") == [Path("maps/01_pet.json")]
    assert metadata_files("maps/sub-01_pet.nii.gz") == []
    assert metadata_files("maps/sub-02/sub-01_pet.nii") == []


def test_two_files_of_one_folder_that_both_apply(here):
    image = "ds/sub-01/dwi/sub-01_acq-x_dir-AP_dwi.nii.gz"
    files(image, "ds/acq-x_dwi.json", "ds/dir-AP_dwi.json")
    with pytest.raises(InputError) as caught:
        metadata_files(image)
    assert str(caught.value) == (
        f"ds/acq-x_dwi.json and ds/dir-AP_dwi.json both apply to {image}, and neither name matches it "
        "better: give the image a file with its own name, or remove one of them."
    )
    files("ds/acq-x_dir-AP_dwi.json")
    assert metadata_files(image) == [Path("ds/acq-x_dir-AP_dwi.json")]
