"""A patient with a FLAIR and no lesion mask, from the table to the regions and the check of the registration."""

import shutil

import numpy as np
import pytest
import yaml
from workflow_run import SMOKE, snakemake

from myelosketch.cohort.table import FILE_COLUMNS
from myelosketch.io import names
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import load_volume, save_volume

pytestmark = pytest.mark.slow

WITHOUT_MASK, HYPERINTENSE = "sub-MS01", "sub-HC01"
# two folds need two of each group
SCANS = (WITHOUT_MASK, "sub-MS02", "sub-HC01", "sub-HC02")
QUALITY = "results/registration/qc.tsv"


def hyperintensities(t1w):
    """Probabilities: .9 in a ball of 7 mm in the brain, .3 around it."""
    places = np.moveaxis(np.indices(t1w.shape), 0, -1) * t1w.voxel_size
    distance = np.linalg.norm(places - places[t1w.data > 0].mean(axis=0) - [24, 0, 12], axis=-1)
    return np.select([distance <= 7, distance <= 12], [0.9, 0.3], 0).astype(np.float32)


@pytest.fixture(scope="module")
def folder(smoke, tmp_path_factory):
    """A finished run on four simulated scans as a user's files: a patient without a lesion mask, one with an empty
    mask, a control with hyperintensities and one without."""
    here = tmp_path_factory.mktemp("flair")
    table = read_table(smoke / "results/cohort/cohort.tsv").drop(columns="session")
    table = table[table.scan.isin(SCANS)]
    (here / "images").mkdir()
    for name in FILE_COLUMNS:
        for index, path in table[name].dropna().items():
            copy = here / "images" / (smoke / path).name
            shutil.copy(smoke / path, copy)
            table.loc[index, name] = str(copy.relative_to(here))
    by_scan = table.set_index("scan")
    drawn = load_volume(here / by_scan.lesion_mask["sub-MS02"])
    save_volume(here / by_scan.lesion_mask["sub-MS02"], np.zeros(drawn.shape, np.uint8), drawn.affine)
    table.loc[table.scan == HYPERINTENSE, "lesion_mask"] = "images/of_control.nii.gz"
    t1w = load_volume(here / by_scan.T1w[HYPERINTENSE])
    save_volume(here / "images/of_control.nii.gz", hyperintensities(t1w), t1w.affine)
    table.loc[table.scan == WITHOUT_MASK, "lesion_mask"] = None
    write_table(table.drop(columns="scan"), here / "cohort.tsv")
    (here / "mine.yaml").write_text(yaml.safe_dump({"cohort": {"source": "table", "table": "cohort.tsv"}}))
    (here / "found.yaml").write_text(yaml.safe_dump({"lesions": {"without_mask": "flair"}}))
    snakemake(here, "regions", QUALITY, configs=(SMOKE, here / "mine.yaml", here / "found.yaml"))
    return here


def test_without_being_told_to_find_lesions_the_patient_is_left_out(folder):
    done = snakemake(folder, "regions", "--dry-run", configs=(SMOKE, folder / "mine.yaml"), check=False)
    reason = "no lesion_mask in the table (to segment lesions on its FLAIR, set lesions.without_mask: flair)"
    assert f"Left out: {WITHOUT_MASK} ({reason})" in done.stdout + done.stderr


def sidecar(folder, key):
    path = str(folder / names.path("results", key, scan=WITHOUT_MASK))
    return read_json(path.replace(".nii.gz", ".json"))


def test_its_lesions_are_marked_wherever_they_go(folder):
    for key in ("lesion", "tissue", "fractions"):
        assert sidecar(folder, key)["LesionSource"] == "flair", key
    regions = read_table(folder / names.path("results", "regions_table", scan=WITHOUT_MASK))
    assert set(regions.lesion_source) == {"flair"}
    assert sidecar(folder, "lesion")["LesionSpace"] == "FLAIR"
    assert sidecar(folder, "lesion")["Sources"] == [f"{WITHOUT_MASK}_FLAIR.nii.gz"]
    table = read_table(folder / QUALITY)
    for scan, source in zip(SCANS, ("flair", "mask", "mask", "none"), strict=True):
        assert set(table.lesion_source[table.scan == scan]) == {source}


def test_an_empty_mask_and_the_hyperintensities_of_a_control_make_no_lesion(folder):
    def of(key, scan):
        return folder / names.path("results", key, scan=scan)

    for scan in ("sub-MS02", HYPERINTENSE):
        assert load_volume(of("regions", scan)).data.max() == 2
    volumes = read_table(of("regions_table", HYPERINTENSE), numeric=["n_hyperintense"]).set_index("name")
    assert volumes.n_hyperintense["other"] > 0
    note = read_json(str(of("lesion", HYPERINTENSE)).replace(".nii.gz", ".json"))
    assert note["LesionMaskValues"] == "probability, threshold 0.5"


def test_its_flair_is_judged_like_the_other_images_and_only_its(folder):
    table = read_table(folder / QUALITY).set_index(["scan", "modality"])
    assert set(table.loc[WITHOUT_MASK].index) == {"pet", "dwi", "MTR", "FLAIR", "MNI152"}
    assert set(table.loc["sub-MS02"].index) == {"pet", "dwi", "MTR", "MNI152"}
    row = table.loc[(WITHOUT_MASK, "FLAIR")]
    assert row.verdict == "ok"
    assert float(row.coverage) > 0.85
    assert max(float(row.inverse_mm), float(row.repeat_mm)) < 2.5


def test_the_lesions_found_lie_where_the_drawn_ones_are(smoke, folder):
    """More of them than by chance: most of what is found, and far from all of the brain."""
    found = load_volume(folder / names.path("results", "lesion", scan=WITHOUT_MASK)).data >= 0.5
    drawn = load_volume(smoke / names.path("results", "lesion", scan=WITHOUT_MASK)).data >= 0.5
    brain = load_volume(smoke / names.path("results", "brain", scan=WITHOUT_MASK)).data > 0
    assert found.any()
    assert (found & drawn).sum() > 0.4 * found.sum() > 5 * drawn.sum() / brain.sum() * found.sum()
    assert found.sum() < 3 * drawn.sum()
