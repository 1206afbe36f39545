"""After the intake: refused scans, accepted findings, repeated images, links and units."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from intake_scans import copied, inspected, make_maps, part_of_head, rewrite, write_json

from myelosketch.cohort.table import cohort_from_rows
from myelosketch.errors import InputError
from myelosketch.intake.checks import CHECKS, REFUSALS, SUSPICIONS, check_accept
from myelosketch.intake.gate import admit_scans, gather_intake, refuse_scan
from myelosketch.io.names import UNITS
from myelosketch.io.tables import read_table
from myelosketch.io.units import CONVERSIONS, default_units, stated_unit

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())["properties"]


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    """Heads of noise have no left and right; test_cohort_mirror looks at that check."""
    monkeypatch.setattr("myelosketch.intake.mirror.COMPARED", ())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return [make_maps(tmp_path_factory.mktemp(f"scan{seed}"), seed) for seed in (1, 2, 3)]


@pytest.fixture
def cohort(made, tmp_path):
    """Three good patients whose files a test may spoil: the cohort table."""
    files = [copied(one, tmp_path / f"images/{number}") for number, one in enumerate(made, start=1)]
    return cohort_from_rows(
        [{"subject": f"0{number}", "group": "MS", **one} for number, one in enumerate(files, start=1)]
    )


def run_intake(cohort, folder, accept=None, units=None, root=None):
    """Run the intake; return its message against the cohort, or an empty string."""
    rows = cohort.to_dict("records")
    paths = inspected(rows, folder, units=units or default_units(), root=root)
    gather_intake(paths, folder / "intake.tsv", accept or {})
    try:
        admit_scans(folder / "intake.tsv", folder / "admitted.tsv")
    except InputError as error:
        return str(error)
    return ""


def large_lesion(path):
    rewrite(path, lambda voxels: part_of_head(0.3))


def test_a_refused_scan_stops_alone_until_its_file_is_corrected_or_it_is_excluded(cohort, tmp_path):
    path = cohort.FA[1]
    rewrite(path, lambda voxels: 3 * voxels)
    said = run_intake(cohort, tmp_path)
    assert said.splitlines()[1] == "Refused (1 scan):"
    assert said.endswith(
        "Correct the files, or leave the scans out with this line in the configuration: cohort: {exclude: "
        "[sub-02]}. Then run the same command again: it continues."
    )
    with pytest.raises(InputError, match=r"sub-02: FA .* has a 99th percentile of 1.64"):
        refuse_scan(tmp_path / "intake/sub-02.json", {})
    for other in ("sub-01", "sub-03"):
        refuse_scan(tmp_path / f"intake/{other}.json", {})
    assert run_intake(cohort.iloc[[0, 2]], tmp_path) == ""
    assert read_table(tmp_path / "admitted.tsv").scan.tolist() == ["sub-01", "sub-03"]
    rewrite(path, lambda voxels: voxels / 3)
    assert run_intake(cohort, tmp_path) == ""


def test_a_suspicion_stops_the_run_until_it_is_accepted(cohort, tmp_path):
    large_lesion(cohort.lesion_mask[2])
    said = run_intake(cohort, tmp_path)
    assert "Suspicious (1 scan); accept what is correct, and correct or exclude the rest:" in said
    assert said.endswith("To accept: cohort: {accept: {sub-03: [lesion_volume]}}")
    with pytest.raises(InputError, match="lesion_volume"):
        refuse_scan(tmp_path / "intake/sub-03.json", {"sub-02": ["lesion_volume"]})
    refuse_scan(tmp_path / "intake/sub-03.json", {"sub-03": ["lesion_volume"]})
    assert run_intake(cohort, tmp_path, accept={"sub-02": ["lesion_volume"]})
    for key in ("sub-03", "all"):
        assert run_intake(cohort, tmp_path, accept={key: ["lesion_volume"]}) == ""
    admitted = read_table(tmp_path / "admitted.tsv")
    assert admitted.accepted.tolist()[2] == "lesion_volume"
    table = read_table(tmp_path / "intake.tsv")
    accepted = table[table.accepted.notna()]
    assert (accepted.verdict.tolist(), accepted.check.tolist()) == (["ok"], ["lesion_volume"])


def test_a_refusal_is_never_accepted(cohort, tmp_path):
    rewrite(cohort.FA[0], np.zeros_like)
    assert "contains only 0" in run_intake(cohort, tmp_path, accept={"all": list(CHECKS)})


def test_refused_and_suspicious_in_one_message(cohort, tmp_path):
    rewrite(cohort.FA[0], np.zeros_like)
    rewrite(cohort.MTR[0], lambda voxels: voxels / 100)
    large_lesion(cohort.lesion_mask[1])
    said = run_intake(cohort, tmp_path)
    assert [line[:22] for line in said.splitlines() if line.startswith("  - ")] == [
        "  - sub-01: FA (" + str(tmp_path)[:6], "  - sub-01: MTR (" + str(tmp_path)[:5],
        "  - sub-02: lesion_mas",
    ]  # fmt: skip
    assert "To accept: cohort: {accept: {sub-02: [lesion_volume]}}" in said
    assert said.endswith("cohort: {exclude: [sub-01]}. Then run the same command again: it continues.")


def test_one_image_under_two_participants(cohort, tmp_path):
    image = nib.load(cohort.T1w[0])
    nib.save(
        nib.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), cohort.T1w[1]
    )  # another header
    said = run_intake(cohort, tmp_path)
    assert f"  - sub-01: T1w ({cohort.T1w[0]}) is the same image as that of sub-02: " in said
    assert f"  - sub-02: T1w ({cohort.T1w[1]}) is the same image as that of sub-01: " in said
    assert "leave one of them out with cohort.exclude: [sub-01]." in said
    assert run_intake(cohort.iloc[[0, 2]], tmp_path) == ""


def test_one_t1w_in_two_sessions(made, tmp_path):
    other = {**made[1], "T1w": made[0]["T1w"]}
    sessions = enumerate((made[0], other))
    rows = [{"subject": "01", "session": str(number), "group": "MS", **files} for number, files in sessions]
    said = run_intake(cohort_from_rows(rows), tmp_path)
    assert f"sub-01_ses-0: T1w ({made[0]['T1w']}) is the same image as that of sub-01_ses-1: " in said
    assert "To accept: cohort: {accept: {sub-01_ses-0: [same_session]}}" in said


def test_a_link_that_leaves_the_dataset(cohort, made, tmp_path):
    path = Path(cohort.MTR[0])
    path.unlink()
    path.symlink_to(made[0]["MTR"])
    said = run_intake(cohort, tmp_path, root=str(tmp_path / "images"))
    assert f"sub-01: MTR ({path}) is reached by a link that leaves the dataset's folder" in said
    assert "cohort: {accept: {sub-01: [link_outside]}}" in said
    assert run_intake(cohort, tmp_path, root=str(tmp_path / "images"), accept={"all": ["link_outside"]}) == ""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run_intake(cohort, tmp_path, root=str(elsewhere)) == ""  # absolute paths are fine
    path.unlink()
    inside = Path(copied({"MTR": made[0]["MTR"]}, tmp_path / "images/store")["MTR"])
    path.symlink_to(inside)
    assert run_intake(cohort, tmp_path, root=str(tmp_path / "images")) == ""


@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [
        ("RD", "mm2/s", 1e-3),
        ("AD", "m2/s", 1e-9),
        ("RD", "1e-6 mm2/s", 1e3),
        ("MTR", "1", 0.01),
        ("FA", "1e-3", 1e3),
    ],
)
def test_a_declared_unit_makes_values_plausible(cohort, tmp_path, name, unit, factor):
    for path in cohort[name]:
        rewrite(path, lambda voxels: (voxels * factor).astype(np.float32))
    assert f"the values fit units.{name}: '{unit}'" in run_intake(cohort, tmp_path)
    assert run_intake(cohort, tmp_path, units={**UNITS, name: unit}) == ""
    for path in cohort[name]:
        write_json(Path(path).parent, f"{name}.json", {"Units": unit})
    assert run_intake(cohort, tmp_path, units={**UNITS, name: unit}) == ""


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mm^2/s", "mm2/s"), ("10^-3 mm²/s", "1e-3 mm2/s"), ("µm^2/ms", "um2/ms"), ("um^2/s", "1e-6 mm2/s"),
        ("%", "percent"), (1, "1"), ("Jane Doe", ""), (None, None), ("", None),
    ],
)  # fmt: skip
def test_units_of_sidecars(tmp_path, text, unit):
    write_json(tmp_path, "RD.json", {"Units": text})
    assert stated_unit(tmp_path / "RD.nii.gz") == unit


BP_ND = {**UNITS, "DVR": "BPnd"}


def as_binding_potential(cohort):
    for path in cohort.DVR:
        rewrite(path, lambda voxels: np.where(voxels == 0, 0, voxels - 1).astype(np.float32))


def test_a_binding_potential_is_declared(cohort, tmp_path):
    as_binding_potential(cohort)
    said = run_intake(cohort, tmp_path)
    assert (
        "in the declared unit '1', expected 0.5 to 6: the values fit units.DVR: 'BPnd'; if this is true for all scans"
        in said
    )
    assert run_intake(cohort, tmp_path, units=BP_ND) == ""


def test_a_dvr_declared_as_binding_potential(cohort, tmp_path):
    said = run_intake(cohort, tmp_path, units=BP_ND)
    assert "has a median of 1.15 (from 0.9 to 1.4) in the declared unit 'BPnd', expected -0.4 to 0.8" in said
    assert "the values fit units.DVR: '1'; if this is true for all scans, declare it" in said


@pytest.mark.parametrize("stated", ["unitless", "1", "BPnd", "BP_ND", "BPND"])
def test_the_json_of_a_binding_potential(cohort, tmp_path, stated):
    as_binding_potential(cohort)
    for path in cohort.DVR:
        write_json(Path(path).parent, "DVR.json", {"Units": stated})
    assert run_intake(cohort, tmp_path, units=BP_ND) == ""


def renamed_dvr(cohort, name):
    for number, path in enumerate(cohort.DVR):
        cohort.loc[number, "DVR"] = str(Path(path).rename(Path(path).with_name(name)))


SUVR = (
    "unlike a DVR it depends on blood flow and time: give the DVR or BP_ND of a kinetic model, or the dynamic"
)


@pytest.mark.parametrize(
    ("name", "content", "unit", "sentence"),
    [
        ("sub-01_meas-BPND_mimap.nii.gz", {}, "1", "is a BPnd, according to its name or its JSON, but "
            "units.DVR is '1': "
            "declare units.DVR: 'BPnd' if this is true for all scans, otherwise correct the name or the JSON."),
        ("sub-01_meas-DVR_mimap.nii.gz", {}, "BPnd", "is a DVR, according to its name or its JSON, but units.DVR is "
            "'BPnd': declare units.DVR: '1' if this is true for all scans"),
        ("DVR.nii.gz", {"Units": "BPnd"}, "1", "is a BPnd, according to its name or its JSON, but units.DVR is '1'"),
        ("DVR.nii.gz", {"Units": "DVR"}, "BPnd", "is a DVR, according to its name or its JSON, but "
            "units.DVR is 'BPnd'"),
        ("DVR.nii.gz", {"Units": "SUVR"}, "1", f"is an SUVR, according to its name or its JSON; {SUVR}"),
        ("sub-01_meas-SUVR_mimap.nii.gz", {}, "1", "is an SUVR, according to its name or its JSON"),
        ("pib_SUVr_50-70.nii.gz", {}, "BPnd", "is an SUVR, according to its name or its JSON"),
        ("sub-01_suv.nii.gz", {"Units": "g/ml"}, "1", "is an SUV, according to its name or its JSON"),
    ],
)  # fmt: skip
def test_a_map_that_says_it_is_something_else(cohort, tmp_path, name, content, unit, sentence):
    renamed_dvr(cohort, name)
    for path in cohort.DVR:
        write_json(Path(path).parent, name.replace("nii.gz", "json"), content)
    said = run_intake(cohort, tmp_path, units={**UNITS, "DVR": unit})
    assert said.count("Refused (3 scans)") == 1
    assert f"sub-01: DVR ({cohort.DVR[0]}) {sentence}" in said


def test_a_suvr_is_accepted_by_no_declaration(cohort, tmp_path):
    renamed_dvr(cohort, "sub-01_SUVR.nii.gz")
    assert "is an SUVR" in run_intake(
        cohort, tmp_path, accept={"all": ["not_dvr", "unit_stated", "dvr_level"]}
    )


def test_the_schema_offers_what_the_library_knows():
    units = SCHEMA["units"]["properties"]
    assert {name: part["enum"] for name, part in units.items()} == {
        name: [*CONVERSIONS[name]] for name in CONVERSIONS
    }
    assert {name: part["default"] for name, part in units.items()} == UNITS
    (entries,) = SCHEMA["cohort"]["properties"]["accept"]["patternProperties"].values()
    assert entries["items"]["enum"] == list(SUSPICIONS)


def test_every_check_is_documented():
    text = (ROOT / "docs/checks.md").read_text()
    missing = [name for name in REFUSALS | SUSPICIONS if f"`{name}`" not in text]
    assert missing == []


def test_accepting_a_stranger():
    check_accept({"sub-01": ["apart"], "all": ["apart"]}, ["sub-01"])
    with pytest.raises(
        InputError, match="cohort.accept names sub-09, which the cohort does not have: use names such as sub-"
    ):
        check_accept({"sub-09": ["apart"]}, ["sub-01"])
