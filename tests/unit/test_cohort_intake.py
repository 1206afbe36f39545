"""Every way to spoil a file: its message, that the other scan stays ok, and that no half-written file remains."""

import numpy as np
import pytest
from intake_cases import MAPS_CASES, RAW_CASES
from intake_scans import affine, copied, head, inspected, make_maps, make_raw, rewrite, row, store_as
from test_imaging_geometry import rigid

from myelosketch.errors import InputError
from myelosketch.imaging.registration.transforms import save_matrix
from myelosketch.intake.checks import CHECKS, REFUSED
from myelosketch.intake.gate import admit_scans, gather_intake, read_inspections, refuse_scan
from myelosketch.io.tables import read_table
from myelosketch.io.units import default_units


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    """Heads of noise have no left and right; test_cohort_mirror looks at that check."""
    monkeypatch.setattr("myelosketch.intake.mirror.COMPARED", ())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two good scans of each kind, made once: dict of (files, files of another participant)."""
    folders = [tmp_path_factory.mktemp(name) for name in ("maps1", "maps2", "raw1", "raw2")]
    return {
        "maps": (make_maps(folders[0], 1), make_maps(folders[1], 2)),
        "raw": (make_raw(folders[2], 1), make_raw(folders[3], 2)),
    }


def intake(folder, rows, *, units=None, accept=None, root=None):
    """Inspect and gather: (findings by scan, path of intake.tsv)."""
    paths = inspected(rows, folder / "out", units=units or default_units(), root=root)
    findings = {scan["scan"]: scan["findings"] for scan in read_inspections(paths)}
    gather_intake(paths, folder / "out/intake.tsv", accept or {})
    return findings, folder / "out/intake.tsv"


def message(folder, rows, **options):
    """Messages about a cohort that must not be admitted."""
    _, table = intake(folder, rows, **options)
    admitted = folder / "out/admitted.tsv"
    with pytest.raises(InputError) as caught:
        admit_scans(table, admitted)
    assert not admitted.exists()
    return str(caught.value)


CASES = [("maps", *case) for case in MAPS_CASES.values()] + [("raw", *case) for case in RAW_CASES.values()]


@pytest.mark.parametrize("kind", ["maps", "raw"])
def test_good_scans_pass(made, tmp_path, kind):
    rows = [row(files, subject=f"0{number}") for number, files in enumerate(made[kind], start=1)]
    findings, table = intake(tmp_path, rows)
    assert findings == {"sub-01": [], "sub-02": []}
    admit_scans(table, tmp_path / "out/admitted.tsv")
    assert read_table(tmp_path / "out/admitted.tsv").verdict.tolist() == ["ok", "ok"]


@pytest.mark.parametrize(
    ("kind", "name", "spoil", "check", "words"),
    CASES,
    ids=[*MAPS_CASES, *(f"raw-{case}" for case in RAW_CASES)],
)
def test_a_spoilt_file_has_its_sentence_and_the_others_stay_ok(
    made, tmp_path, kind, name, spoil, check, words
):
    files = copied(made[kind][0], tmp_path / "scan")
    spoil(files[name], files)
    rows = [row(files), row(made[kind][1], subject="02")]
    said = message(tmp_path, rows)
    lines_said = [line for line in said.splitlines() if line.startswith("  - ")]
    assert all(line.startswith("  - sub-01: ") for line in lines_said)
    first = lines_said[0]
    assert first.startswith(f"  - sub-01: {name} ({files[name]}) ")
    assert words in first
    table = read_table(tmp_path / "out/intake.tsv")
    bad = table[table.verdict != "ok"]
    assert set(bad.scan) == {"sub-01"}
    assert set(" | ".join(bad.check).split(" | ")) == {check}
    assert bad.verdict.tolist() == [CHECKS[check]] * len(bad)
    assert ("this line in the configuration: cohort: {exclude: [sub-01]}." in said) == (
        CHECKS[check] == REFUSED
    )
    assert (f"To accept: cohort: {{accept: {{sub-01: [{check}]}}}}" in said) == (CHECKS[check] != REFUSED)
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["intake", "intake.tsv"]
    with pytest.raises(InputError) as caught:  # its own first job says the same
        refuse_scan(tmp_path / "out/intake/sub-01.json", {})
    assert str(caught.value) == said
    refuse_scan(tmp_path / "out/intake/sub-02.json", {})


def test_masks_of_controls_and_masks_without_lesions_pass(made, tmp_path):
    files = [copied(made["maps"][0], tmp_path / name) for name in ("patient", "other", "control")]
    for number, scan in enumerate(files):
        for name in set(scan) - {"lesion_mask"}:  # images of three heads
            rewrite(scan[name], lambda voxels, number=number: voxels * (1 - 1e-4 * number))
    for scan in files[:2]:  # both empty, so equal
        rewrite(scan["lesion_mask"], np.zeros_like)
    rows = [
        row(scan, subject=f"0{n}", group=group)
        for n, scan, group in zip((1, 2, 3), files, ("MS", "MS", "HC"), strict=True)
    ]
    findings, table = intake(tmp_path, rows)
    assert findings == {"sub-01": [], "sub-02": [], "sub-03": []}
    masks = read_table(table).query("input == 'lesion_mask'")
    assert masks.mask_values.tolist() == ["0 everywhere", "0 everywhere", "0 and 1"]


def test_a_mask_of_a_control_is_measured_as_any_other(made, tmp_path):
    files = copied(made["maps"][0], tmp_path / "scan")
    rewrite(files["lesion_mask"], lambda voxels: head().astype(np.uint8))
    assert "sub-01: lesion_mask" in message(tmp_path, [row(files, group="HC")])


@pytest.mark.parametrize("trailing", [1, 2, 4])
def test_trailing_axes_of_one_are_dropped(made, tmp_path, trailing):
    maps, raw = (copied(made[kind][0], tmp_path / kind) for kind in ("maps", "raw"))
    for path in (
        maps["T1w"],
        maps["MTR"],
        maps["lesion_mask"],
        raw["dwi"],
        raw["pet"],
        raw["reference_mask"],
    ):
        rewrite(
            path, lambda voxels: voxels.reshape(voxels.shape + (1,) * (trailing if voxels.ndim == 3 else 1))
        )
    found = intake(tmp_path, [row(maps), row(raw, subject="02")])[0]
    assert found == {"sub-01": [], "sub-02": []}


@pytest.mark.parametrize(
    "matrix", [affine(), rigid((9, -12, 25), (4, 0, -7)) @ affine()], ids=["straight", "oblique"]
)
def test_images_of_one_grid_may_be_stored_in_any_order(made, tmp_path, matrix):
    maps, raw = (copied(made[kind][0], tmp_path / kind) for kind in ("maps", "raw"))
    for path in {*maps.values(), *raw.values()}:
        rewrite(path, matrix=matrix)
    for files, orders in (
        (maps, {"lesion_mask": "PSR", "RD": "LAS", "AD": "SPL", "DVR": "PSR"}),
        (raw, {"reference_mask": "PSR", "pet": "LAS", "mt_on": "IPL", "lesion_mask": "LAS"}),
    ):
        for name, axes in orders.items():
            store_as(files[name], axes)
    found = intake(tmp_path, [row(maps), row(raw, subject="02")])[0]
    assert found == {"sub-01": [], "sub-02": []}


AIR = {"FA": (0, 1), "RD": (0, 9), "AD": (0, 9), "MTR": (-300, 300), "DVR": (-40, 40)}


def fill_air(files):
    """Maps from a fit without a mask, with noise outside the head."""
    noise = np.random.default_rng(3)
    for name, (low, high) in AIR.items():
        rewrite(files[name], lambda voxels, low=low, high=high: np.where(
            head(), voxels, noise.uniform(low, high, voxels.shape)
        ))  # fmt: skip


def test_maps_that_were_never_masked_are_judged_in_the_head(made, tmp_path):
    files = copied(made["maps"][0], tmp_path / "scan")
    fill_air(files)
    assert intake(tmp_path, [row(files)])[0] == {"sub-01": []}


def test_a_wrong_map_is_found_below_the_noise_of_its_air(made, tmp_path):
    files = copied(made["maps"][0], tmp_path / "scan")
    rewrite(files["MTR"], lambda voxels: voxels / 100)
    rewrite(files["DVR"], lambda voxels: 9 * voxels)
    fill_air(files)
    files["AD"], files["RD"] = files["RD"], files["AD"]
    found = {finding["input"]: finding for finding in intake(tmp_path, [row(files)])[0]["sub-01"]}
    assert {name: finding["check"] for name, finding in found.items()} == {
        "MTR": "value_range", "DVR": "value_range", "AD": "swapped",
    }  # fmt: skip
    assert found["MTR"]["reason"].endswith(
        "in the declared unit 'percent', expected 5 to 100, in the middle of the head (the map is not masked)"
    )
    assert found["AD"]["reason"] == "lies below RD in 100% of the brain"


def test_nan_of_a_dvr_map_are_voxels_without_a_value(made, tmp_path):
    files = copied(made["maps"][0], tmp_path / "scan")
    rewrite(files["DVR"], lambda voxels: np.where(np.indices(voxels.shape)[2] > 18, np.nan, voxels))
    assert intake(tmp_path, [row(files)])[0] == {"sub-01": []}
    table = read_table(tmp_path / "out/intake.tsv", numeric=True).set_index("input")
    assert table.share_nan["DVR"] == pytest.approx(9 / 28, abs=1e-5)


def test_all_problems_of_a_scan_are_said_at_once(made, tmp_path):
    files = copied(made["maps"][0], tmp_path / "scan")
    rewrite(files["FA"], lambda voxels: 3 * voxels)
    rewrite(files["MTR"], lambda voxels: voxels / 100)
    rewrite(files["lesion_mask"], lambda voxels: voxels[:-1] * 1.5)
    said = message(tmp_path, [row(files)])
    starts = [line.split(" (")[0] for line in said.splitlines() if line.startswith("  - ")]
    assert starts == [f"  - sub-01: {name}" for name in ("lesion_mask", "lesion_mask", "FA", "MTR")]


@pytest.mark.parametrize("content", ["1 0 0 3\n0 1 0 4\n0 0 1 5\n0 0 0 1\n", None])
def test_a_transform_that_is_given(made, tmp_path, content):
    files = dict(made["maps"][0], xfm_dwi=str(tmp_path / "xfm.mat"))
    if content:
        (tmp_path / "xfm.mat").write_text(content)
        said = message(tmp_path, [row(files)])
        start = f"  - sub-01: xfm_dwi ({files['xfm_dwi']}) contains only a matrix of 4 x 4 numbers, as FSL writes it"
        assert start in said
        assert "cohort: {exclude: [sub-01]}" in said
    else:
        save_matrix(tmp_path / "xfm.mat", np.eye(4))
        findings, table = intake(tmp_path, [row(files)])
        assert findings == {"sub-01": []}
        facts = read_table(table).set_index("input").loc["xfm_dwi"]
        assert (facts.verdict, facts.readable) == ("ok", "True")
