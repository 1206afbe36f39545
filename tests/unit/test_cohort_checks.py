"""Every input file judged: plausible ones pass, each fault has its sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from myelosketch.cohort.checks import check_inputs, check_scan
from myelosketch.errors import InputError
from myelosketch.tables import read_table
from myelosketch.volumes import load_volume, save_volume


def patient(files, **changes):
    return {"scan": "sub-01", "group": "MS", **files, **changes}


def change(path, function, affine=None):
    volume = load_volume(path)
    save_volume(path, function(volume.data), volume.affine if affine is None else affine)


def test_good_files_pass(good_maps):
    rows, problems = check_scan(patient(good_maps))
    assert problems == []
    assert {row["input"] for row in rows} == set(good_maps)


@pytest.mark.parametrize(
    ("name", "function", "sentence"),
    [
        ("MTR", lambda data: data / 100, "MTR is expected in percent (0-100): multiply a fraction by 100."),
        ("RD", lambda data: data / 1e3, "convert mm²/s by 1e3, m²/s by 1e9."),
        ("AD", lambda data: data / 1e9, "convert mm²/s by 1e3, m²/s by 1e9."),
        ("FA", lambda data: data * 3, "FA lies in 0-1."),
        ("DVR", lambda data: data * 20, "DVR is unitless, about 1 in grey matter; an SUV image will not do."),
        ("DVR", lambda data: data * 0, "is constant (0 everywhere): is this the right file?"),
        (
            "lesion_mask",
            lambda data: data * 0.5,
            "is not binary: give a mask of 0 and 1 (threshold a probability map).",
        ),
        (
            "lesion_mask",
            lambda data: data * 0,
            "is empty: a patient without lesions cannot be scored; leave the scan out.",
        ),
    ],
)
def test_a_fault_has_its_sentence(good_maps, name, function, sentence):
    change(good_maps[name], function)
    problems = check_scan(patient(good_maps))[1]
    assert len(problems) == 1
    assert problems[0].startswith(f"sub-01: {name} ({good_maps[name]}) ")
    assert problems[0].endswith(sentence)


def test_nan_is_counted(good_maps):
    def spoil(data):
        data = data.copy()
        data[5, 5, 4:7] = np.nan
        return data

    change(good_maps["FA"], spoil)
    assert check_scan(patient(good_maps))[1] == [
        f"sub-01: FA ({good_maps['FA']}) holds 3 voxels that are NaN or infinite: "
        "set the background to 0 and repair the rest."
    ]


def test_a_lesion_mask_in_a_control(good_maps):
    problems = check_scan(patient(good_maps, group="HC"))[1]
    assert problems == [
        f"sub-01: lesion_mask ({good_maps['lesion_mask']}) is a lesion mask of a control: "
        "leave it blank, or correct the group."
    ]


def test_different_grids(good_maps):
    change(good_maps["AD"], lambda data: data, affine=np.diag([4, 4, 5, 1.0]))
    problems = check_scan(patient(good_maps))[1]
    assert len(problems) == 1
    assert "affines that differ by 1 mm: they must share one grid" in problems[0]


def test_all_scans_are_judged_before_the_error(good_maps, tmp_path):
    Path(good_maps["FA"]).write_bytes(Path(good_maps["FA"]).read_bytes()[:300])
    rows = [
        patient(good_maps),
        patient(good_maps, scan="sub-02", group="HC"),
        patient(good_maps, scan="sub-03"),
    ]
    with pytest.raises(InputError) as caught:
        check_inputs(pd.DataFrame(rows), tmp_path / "inputs.tsv")
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 input(s) cannot be used:"
    assert (
        lines[-1]
        == "Correct the files, or leave the scans out with cohort.exclude: [sub-01, sub-02, sub-03]."
    )
    assert not (tmp_path / "inputs.tsv").exists()


def test_the_table_of_what_was_found(good_maps, tmp_path):
    check_inputs(pd.DataFrame([patient(good_maps)]), tmp_path / "inputs.tsv")
    table = read_table(tmp_path / "inputs.tsv")
    assert table["shape"].unique().tolist() == ["12x12x12"]
    assert table["voxel_mm"].unique().tolist() == ["4x4x4"]
