"""Sidecars of a raw series: gradients that determine a tensor, frame times that a model can use."""

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE
from intake_scans import PET_JSON

from myelosketch.intake.inspection import inspect_files
from myelosketch.io.provenance import write_json
from myelosketch.io.units import default_units
from myelosketch.io.volumes import load_volume, save_volume

MAPS = {"b_max": 1500, "b0_threshold": 50, "t_star_min": 35, "reference": "mask"}
BVALS = np.array([0, 5] + [1000] * 10)
STARTS, DURATIONS = np.arange(18) * 300.0, np.full(18, 300.0)


def spread(n):
    """n unit vectors over half a sphere."""
    z = 1 - (np.arange(n) + 0.5) / n
    angle = 2.4 * np.arange(n)
    return np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)


BVECS = np.concatenate([np.zeros((2, 3)), spread(10)])


def write_gradients(folder, bvals=BVALS, bvecs=BVECS):
    np.savetxt(folder / "dwi.bval", np.asarray(bvals)[None])
    np.savetxt(folder / "dwi.bvec", np.asarray(bvecs).T)


def write_frames(folder, **changes):
    times = {"FrameTimesStart": STARTS, "FrameDuration": DURATIONS}
    write_json(folder / "pet.json", PET_JSON | times | changes)


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    """Heads of noise have no left and right; test_cohort_mirror looks at that check."""
    monkeypatch.setattr("myelosketch.intake.mirror.COMPARED", ())


@pytest.fixture
def raw_scan(good_maps, tmp_path):
    """A patient with a diffusion and a PET series instead of maps, nothing wrong with them: a row of the table."""
    head = load_volume(good_maps["T1w"]).data > 0
    files = {name: good_maps[name] for name in ("T1w", "lesion_mask", "MTR")}
    generator = np.random.default_rng(1)
    for name, count in (("dwi", len(BVALS)), ("pet", len(STARTS))):
        files[name] = str(tmp_path / f"{name}.nii.gz")
        save_volume(files[name], head[..., None] * generator.uniform(100, 200, (*head.shape, count)), AFFINE)
    write_gradients(tmp_path)
    write_frames(tmp_path)
    return {"scan": "sub-01", "group": "MS", **files}


def sentences(scan):
    """Findings on the gradients and frames of a scan, without the names of scan and file."""
    findings = inspect_files(scan, units=default_units(), maps=MAPS)[1]
    return [
        f"{finding.reason}: {finding.way_out}."
        for finding in findings
        if finding.check in ("gradients", "frames", "constant", "empty")
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"bvals": BVALS[:-1]},
            "has 12 volumes, but 11 in its .bval file: there must be one for each volume.",
        ),
        (
            {"bvals": BVALS[:-2], "bvecs": BVECS[:-1]},
            "has 12 volumes, but 10 in its .bval file and 11 in its .bvec file: there must be one for each volume.",
        ),
        (
            {"bvecs": BVECS * 0.7},
            "has 10 gradient directions whose length is not 1 (the first: 0.7, volume 2, counted from 0): "
            "write unit vectors.",
        ),
        (
            {"bvecs": np.concatenate([BVECS[:7], -BVECS[2:7]])},
            "has 5 different directions with b from 50 to 1500 s/mm²; expected at least 6: b-values are expected in "
            "s/mm², maps.b_max sets the highest that is used.",
        ),
        (
            {"bvals": BVALS / 1000},
            "has 0 different directions with b from 50 to 1500 s/mm²; expected at least 6: b-values are expected in "
            "s/mm², maps.b_max sets the highest that is used.",
        ),
        (
            {
                "bvals": np.maximum(BVALS, 100),
                "bvecs": np.maximum(BVECS, [[0, 0, 1]] * 2 + [[-1, -1, -1]] * 10),
            },
            "has no unweighted volume (lowest b = 100 s/mm², expected at most 50): add one, or raise "
            "maps.b0_threshold.",
        ),
        (
            {"bvals": -BVALS},
            "has b-values that are negative or not numbers: write s/mm², 0 without weighting.",
        ),
        (
            {"bvecs": np.stack([np.cos(np.arange(12)), np.sin(np.arange(12)), np.zeros(12)], 1)},
            "has directions that are all in a plane or a cone: they do not determine a tensor.",
        ),
    ],
    ids=["bval", "both", "norm", "few", "units", "no b0", "negative", "plane"],
)
def test_a_fault_of_the_gradients_has_its_sentence(raw_scan, tmp_path, changes, sentence):
    write_gradients(tmp_path, **changes)
    assert sentences(raw_scan) == [sentence]


def test_gradients_in_columns_are_read_too(raw_scan, tmp_path):
    np.savetxt(tmp_path / "dwi.bvec", BVECS)
    np.savetxt(tmp_path / "dwi.bval", BVALS)
    assert sentences(raw_scan) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"FrameTimesStart": STARTS[:-1], "FrameDuration": DURATIONS[:-1]},
            "has 18 frames, but 17 entries in FrameTimesStart of its .json file: give one for each frame.",
        ),
        (
            {"FrameTimesStart": STARTS / 60, "FrameDuration": DURATIONS / 60},
            "ends 90 s after the injection; expected 1200 to 21600: FrameTimesStart and FrameDuration are in "
            "seconds.",
        ),
        (
            {"FrameTimesStart": STARTS + 2400},
            "starts 2400 s after the injection, with which the integrals of both curves begin: give the series "
            "from its start, or a DVR map.",
        ),
        (
            {"FrameDuration": DURATIONS + 60},
            "has frames that overlap (by 60 s, after frame 0): correct FrameTimesStart and FrameDuration.",
        ),
        (
            {"FrameDuration": STARTS + 300},
            "has frames that overlap (by 4800 s, after frame 16): FrameDuration holds their ends.",
        ),
        (
            {"FrameTimesStart": STARTS[::-1]},
            "has frame times that do not increase, or durations that are not above 0, in its .json file: correct it.",
        ),
        (
            {"FrameTimesStart": STARTS / 2, "FrameDuration": DURATIONS / 2},
            "has 4 frames that start at 35 min or later; expected at least 5: lower maps.t_star_min.",
        ),
    ],
    ids=["number", "minutes", "late", "overlap", "ends", "order", "short"],
)
def test_a_fault_of_the_frames_has_its_sentence(raw_scan, tmp_path, changes, sentence, monkeypatch):
    monkeypatch.setattr("myelosketch.intake.frames.MIN_LATE_FRAMES", 5)
    write_frames(tmp_path, **changes)
    assert sentences(raw_scan) == [sentence]


def test_frames_before_the_injection_may_be_empty(raw_scan):
    image = nib.load(raw_scan["pet"])
    save_volume(raw_scan["pet"], np.where(np.arange(18) == 0, 0, image.get_fdata()), image.affine)
    assert sentences(raw_scan) == []
