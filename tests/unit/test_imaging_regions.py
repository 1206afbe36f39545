"""The label map: three regions that cannot overlap, a shell that belongs to none of the white ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from myelosketch.imaging.regions import gather_volumes, label_regions, region_volumes
from myelosketch.names import REGION_CODES
from myelosketch.tables import read_table, write_table

OTHER, NAWM, LESION = (REGION_CODES[name] for name in ("other", "nawm", "lesion"))


def labels(brain, white, lesion, perilesional_mm=3.0, threshold=0.5):
    return label_regions(
        brain=brain,
        white=white,
        lesion=lesion,
        voxel_size=(2.0, 2.0, 2.0),
        threshold=threshold,
        perilesional_mm=perilesional_mm,
    )


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


def test_half_filled_voxels_belong_by_the_threshold(fractions):
    brain, white, lesion = fractions
    lesion[5, 5, 5] = 0.4
    assert (labels(brain, white, lesion) == LESION).sum() == 0
    assert (labels(brain, white, lesion, threshold=0.3) == LESION).sum() == 1


@settings(deadline=None, max_examples=40)
@given(
    *[arrays(np.float32, (4, 4, 4), elements=st.floats(0, 1, width=32)) for _ in range(3)], st.floats(0, 8)
)
def test_every_voxel_has_one_known_label(brain, white, lesion, shell):
    found = labels(brain, white, lesion, perilesional_mm=shell)
    assert set(np.unique(found)) <= {0, OTHER, NAWM, LESION}
    np.testing.assert_array_equal(found == LESION, lesion >= 0.5)
    assert not ((found == NAWM) & (white < 0.5)).any()


def test_volumes_and_their_table(tmp_path, fractions):
    table = region_volumes(labels(*fractions, perilesional_mm=0), voxel_volume=8.0).set_index("name")
    assert table.n_voxels["lesion"] == 1
    assert table.volume_ml["nawm"] == pytest.approx(342 * 8 / 1000)
    write_table(table.reset_index(), tmp_path / "a.tsv")
    gather_volumes([tmp_path / "a.tsv"] * 2, ["sub-1", "sub-2"], ["MS", "HC"], tmp_path / "all.tsv")
    gathered = read_table(tmp_path / "all.tsv", numeric=True)
    assert len(gathered) == 6
    assert list(gathered.columns) == ["scan", "group", "region", "n_voxels", "volume_ml"]
