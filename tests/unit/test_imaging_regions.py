"""The label map: three regions that cannot overlap, and a shell that belongs to no white-matter region."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from myelosketch.errors import InputError
from myelosketch.imaging.regions import (
    gather_volumes,
    label_regions,
    make_regions,
    region_volumes,
)
from myelosketch.imaging.registration.fractions import FRACTIONS
from myelosketch.io import names
from myelosketch.io.names import REGION_CODES
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import load_volume, save_volume

OTHER, NAWM, LESION = (REGION_CODES[name] for name in ("other", "nawm", "lesion"))


def labels(
    brain, white, lesion, perilesional_mm=3.0, white_erosion_mm=0.0, threshold=0.5, voxel=(2.0, 2.0, 2.0)
):
    """Return only the label map."""
    return label_regions(
        brain=brain,
        white=white,
        lesion=lesion,
        voxel_size=voxel,
        threshold=threshold,
        perilesional_mm=perilesional_mm,
        white_erosion_mm=white_erosion_mm,
    )[0]


@pytest.fixture
def fractions():
    brain, white, lesion = (np.zeros((11, 11, 11), np.float32) for _ in range(3))
    brain[1:10, 1:10, 1:10] = 1
    white[2:9, 2:9, 2:9] = 1
    lesion[5, 5, 5] = 0.9
    return brain, white, lesion


def test_the_shell_around_a_lesion_is_other(fractions):
    found = labels(*fractions)
    assert found[5, 5, 5] == LESION
    assert found[5, 5, 6] == OTHER  # 2 mm away
    assert found[5, 6, 6] == OTHER  # 2.83 mm away
    assert found[5, 5, 7] == NAWM  # 4 mm away
    assert found[1, 1, 1] == OTHER
    assert found[0, 0, 0] == 0


def test_no_shell_gives_the_papers_three_regions(fractions):
    found = labels(*fractions, perilesional_mm=0)
    assert (found == LESION).sum() == 1
    assert (found == NAWM).sum() == 7**3 - 1
    assert (found == OTHER).sum() == 9**3 - 7**3


def test_hyperintensities_of_a_control_and_their_shell_are_neither_healthy_nor_lesions(fractions):
    brain, white, lesion = fractions
    options = {"voxel_size": (2.0,) * 3, "threshold": 0.5}
    arguments = {"brain": brain, "white": white, "lesion": lesion, **options}
    of_patient, _ = label_regions(**arguments, perilesional_mm=3.0, white_erosion_mm=2.0)
    found, moved = label_regions(**arguments, perilesional_mm=3.0, white_erosion_mm=2.0, control=True)
    np.testing.assert_array_equal(found, np.where(of_patient == LESION, OTHER, of_patient))
    assert moved["hyperintense"] == 1
    bare, moved = label_regions(**arguments, perilesional_mm=0, white_erosion_mm=2.0, control=True)
    assert bare[5, 5, 5] == OTHER
    assert bare[5, 5, 6] == NAWM  # voxels 2 mm from them are not near other tissue
    assert moved["perilesional"] == 0


def test_half_filled_voxels_belong_by_the_threshold(fractions):
    brain, white, lesion = fractions
    lesion[5, 5, 5] = 0.4
    assert (labels(brain, white, lesion) == LESION).sum() == 0
    assert (labels(brain, white, lesion, threshold=0.3) == LESION).sum() == 1


def test_erosion_keeps_white_matter_away_from_other_tissue(fractions):
    found = labels(*fractions, white_erosion_mm=2.0)
    assert found[2, 5, 5] == OTHER  # its neighbour, 2 mm away, is grey
    assert found[3, 5, 5] == NAWM  # 4 mm away
    assert found[5, 5, 5] == LESION


def test_a_lesion_is_no_other_tissue_the_shell_alone_deals_with_it(fractions):
    found = labels(*fractions, perilesional_mm=0, white_erosion_mm=2.0)
    assert found[5, 5, 6] == NAWM  # 2 mm from the lesion


def test_distances_are_between_centres_so_less_than_a_voxel_erodes_nothing(fractions):
    np.testing.assert_array_equal(labels(*fractions, white_erosion_mm=1.9), labels(*fractions))
    long = labels(*fractions, perilesional_mm=0, white_erosion_mm=2.0, voxel=(2.0, 2.0, 5.0))
    assert long[2, 5, 5] == OTHER
    assert long[5, 5, 2] == NAWM  # its grey neighbour is 5 mm away


def test_what_lies_outside_the_brain_is_other_tissue_too():
    full = np.ones((5, 5, 5), np.float32)
    full[0] = 0
    found = labels(full, full, np.zeros_like(full), white_erosion_mm=2.0)
    assert (found[1] == OTHER).all()
    assert (found[2:] == NAWM).all()  # the end of the image is no tissue


@settings(deadline=None, max_examples=40)
@given(
    *[arrays(np.float32, (4, 4, 4), elements=st.floats(0, 1, width=32)) for _ in range(3)],
    st.floats(0, 8),
    st.floats(0, 8),
)
def test_every_voxel_has_one_known_label(brain, white, lesion, shell, erosion):
    arguments = {"brain": brain, "white": white, "lesion": lesion, "voxel_size": (2.0,) * 3, "threshold": 0.5}
    found, moved = label_regions(**arguments, perilesional_mm=shell, white_erosion_mm=erosion)
    assert set(np.unique(found)) <= {0, OTHER, NAWM, LESION}
    np.testing.assert_array_equal(found == LESION, lesion >= 0.5)
    assert not ((found == NAWM) & (white < 0.5)).any()
    plain, none = label_regions(**arguments, perilesional_mm=0)
    assert none == {"hyperintense": 0, "perilesional": 0, "eroded": 0}
    # only white matter changes, only to other tissue, and every changed voxel is counted
    changed = plain != found
    assert (plain[changed] == NAWM).all()
    assert (found[changed] == OTHER).all()
    assert changed.sum() == sum(moved.values())


@settings(deadline=None, max_examples=25)
@given(arrays(np.float32, (5, 5, 5), elements=st.floats(0, 1, width=32)), st.floats(0, 6), st.floats(0, 6))
def test_more_erosion_never_gives_more_white_matter(white, one, other):
    brain, lesion = np.ones_like(white), np.zeros_like(white)
    less, more = sorted((one, other))
    wide, narrow = (labels(brain, white, lesion, white_erosion_mm=mm) == NAWM for mm in (less, more))
    assert not (narrow & ~wide).any()


def save_fractions(folder, brain, white, lesion, source="mask", path=None):
    """Fractions on disk as the registration writes them."""
    volumes = {
        "brain": brain,
        "csf": np.zeros_like(brain),
        "grey": brain - white,
        "white": white,
        "lesion": lesion,
    }
    path = path or folder / "sub-1_probseg.nii.gz"
    sidecar = {"LabelMap": list(FRACTIONS), "LesionSource": source}
    save_volume(
        path, np.stack([volumes[name] for name in FRACTIONS], -1), np.diag([2.0, 2, 2, 1]), sidecar=sidecar
    )
    return path


def regions_of(path, perilesional_mm=3.0, white_erosion_mm=0.0, threshold=0.5, control=False, dvr=None):
    outputs = {"regions": path.with_name("regions.nii.gz"), "regions_table": path.with_name("regions.tsv")}
    make_regions(
        path,
        outputs,
        threshold=threshold,
        perilesional_mm=perilesional_mm,
        white_erosion_mm=white_erosion_mm,
        control=control,
        dvr=dvr,
    )
    return outputs


def test_voxels_without_a_measured_dvr_keep_their_label_and_are_counted(tmp_path, fractions):
    path = save_fractions(tmp_path, *fractions)
    whole = read_table(regions_of(path)["regions_table"], numeric=True)
    assert whole.n_without_dvr.isna().all()  # no PET
    found = labels(*fractions)
    dvr = np.where(np.indices(found.shape)[2] < 7, 1.2, 0)
    dvr[4, 4, 4] = np.nan
    save_volume(tmp_path / "dvr.nii.gz", dvr, np.diag([2.0, 2, 2, 1]))
    outputs = regions_of(path, dvr=tmp_path / "dvr.nii.gz")
    table = read_table(outputs["regions_table"], numeric=True)
    unknown = ~(dvr > 0)
    assert table.n_without_dvr.tolist() == [(unknown & (found == code)).sum() for code in (1, 2, 3)]
    assert table.n_voxels.tolist() == whole.n_voxels.tolist()
    np.testing.assert_array_equal(load_volume(outputs["regions"]).data, found)


def test_the_map_its_sidecar_and_its_table(tmp_path, fractions):
    outputs = regions_of(save_fractions(tmp_path, *fractions, source="flair"), white_erosion_mm=2.0)
    np.testing.assert_array_equal(
        load_volume(outputs["regions"]).data, labels(*fractions, white_erosion_mm=2.0)
    )
    sidecar = read_json(tmp_path / "regions.json")
    assert sidecar["Labels"] == {"outside": 0, **REGION_CODES}
    assert sidecar["Parameters"] == {"threshold": 0.5, "perilesional_mm": 3.0, "white_erosion_mm": 2.0}
    table = read_table(outputs["regions_table"], numeric=True).set_index("name")
    assert table.n_voxels.to_dict() == {
        "other": 9**3 - 5**3 + 18,  # without the inner white cube, with the shell
        "nawm": 5**3 - 19,
        "lesion": 1,
    }
    assert table.n_perilesional.to_dict() == {"other": 18, "nawm": 0, "lesion": 0}
    assert table.n_eroded.to_dict() == {"other": 7**3 - 5**3, "nawm": 0, "lesion": 0}
    assert table.volume_ml["lesion"] == pytest.approx(0.008)
    assert set(table.lesion_source) == {"flair"}


def test_table_and_sidecar_say_how_much_of_a_control_is_hyperintense(tmp_path, fractions):
    path = save_fractions(tmp_path, *fractions, source="mask")
    outputs = regions_of(path, control=True)
    assert read_json(tmp_path / "regions.json")["HyperintensitiesOfControl"] == {
        "Label": OTHER, "n_voxels": 1, "volume_ml": pytest.approx(0.008),
    }  # fmt: skip
    table = read_table(outputs["regions_table"], numeric=True).set_index("name")
    assert table.n_hyperintense.to_dict() == {"other": 1, "nawm": 0, "lesion": 0}
    assert table.n_voxels["lesion"] == 0
    brain, white, _ = fractions
    path = save_fractions(tmp_path, brain, white, white)
    with pytest.raises(InputError, match=r"lesions have 2.7 mL, 100 % of the white matter"):
        regions_of(path, control=True)


def test_labels_need_no_registration_library():
    """A job of a second: importing ants would cost several."""
    code = f"import sys; sys.path[:] = {sys.path}; import myelosketch.imaging.regions; print('ants' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_white_matter_left(tmp_path, fractions):
    with pytest.raises(
        InputError, match="no normal-appearing or healthy white matter is left .18 voxels are around"
    ):
        regions_of(save_fractions(tmp_path, *fractions), white_erosion_mm=10)
    assert not (tmp_path / "regions.nii.gz").exists()


def test_lesions_as_large_as_the_white_matter(tmp_path, fractions):
    brain, white, _ = fractions
    with pytest.raises(
        InputError, match="lesions have 2.7 mL, 100 % of the white matter, expected at most 50 %"
    ):
        regions_of(save_fractions(tmp_path, brain, white, white))


def test_images_that_do_not_meet(tmp_path, fractions):
    nothing = np.zeros_like(fractions[0])
    with pytest.raises(
        InputError, match="probseg.nii.gz: no PET voxel contains brain; do the T1w image and the PET"
    ):
        regions_of(save_fractions(tmp_path, nothing, nothing, nothing))


def test_volumes_of_all_scans(tmp_path, fractions):
    table = region_volumes(labels(*fractions, perilesional_mm=0), {}, voxel_volume=8.0).set_index("name")
    assert table.volume_ml["nawm"] == pytest.approx(342 * 8 / 1000)
    settings = {"threshold": 0.5, "perilesional_mm": 3.0, "white_erosion_mm": 0.0}
    for scan in ("sub-2", "sub-1"):
        path = names.path(tmp_path, "fractions", scan=scan)
        save_fractions(tmp_path, *fractions, path=path)
        outputs = {key: names.path(tmp_path, key, scan=scan) for key in ("regions", "regions_table")}
        make_regions(path, outputs, **settings)
        assert load_volume(outputs["regions"]).data.max() == LESION
    tables = [names.path(tmp_path, "regions_table", scan=scan) for scan in ("sub-1", "sub-2")]
    gather_volumes(tables, {"sub-1": "MS", "sub-2": "HC"}, tmp_path / "all.tsv")
    gathered = read_table(tmp_path / "all.tsv", numeric=True)
    assert len(gathered) == 6
    columns = ["scan", "group", "region", "n_voxels", "volume_ml", "lesion_source", "n_without_dvr"]
    assert list(gathered.scan.unique()) == ["sub-1", "sub-2"]
    assert dict(zip(gathered.scan, gathered.group, strict=True)) == {"sub-1": "MS", "sub-2": "HC"}
    assert list(gathered.columns) == columns
