"""What follows from the intake: who is left out and until when, what is accepted, repeated images, links, units."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from intake_scans import MAPS_SETTINGS, copied, make_maps, part_of_head, rewrite, write_json

from myelosketch.cohort.inspection import inspect_scans
from myelosketch.cohort.intake import admit_scans, gather_intake, goes_on
from myelosketch.cohort.refusals import check_accept, leave_out_refused, scan_state
from myelosketch.cohort.table import cohort_from_rows
from myelosketch.cohort.units import FACTORS, default_units, stated_unit
from myelosketch.cohort.verdicts import CHECKS, REFUSALS, SUSPICIONS
from myelosketch.errors import InputError
from myelosketch.names import UNITS
from myelosketch.tables import read_table

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())["properties"]
SETTINGS = {"units": default_units(), "maps": MAPS_SETTINGS}


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    """Heads of noise have no left and right; test_cohort_mirror looks at that check."""
    monkeypatch.setattr("myelosketch.cohort.mirror.COMPARED", ())


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


def run_intake(cohort, folder, accept=None, scans=None, **settings):
    """One run of the intake; the message that stopped it, or an empty string."""
    settings, paths = {**SETTINGS, **settings}, []
    for scan in cohort.to_dict("records"):
        paths.append(folder / f"intake/{scan['scan']}.json")
        # as for a simulated scan, whose files are not there when the workflow is read
        state = "" if scan["scan"] == "sub-02" else scan_state(scan, **SETTINGS)
        inspect_scans([scan], [state], paths[-1], **settings)
    gather_intake(paths, folder / "intake.tsv", accept or {})
    files = [folder / f"{name}.tsv" for name in ("intake", "refused", "admitted")]
    try:
        admit_scans(files[0], cohort.scan if scans is None else scans, *files[1:])
    except InputError as error:
        return str(error)
    return ""


def next_run(cohort, folder, **settings):
    """Names of the scans of the next run, and the reasons of those it leaves out."""
    nobody = pd.DataFrame(columns=["scan", "group", "reason"])
    included, excluded, judged = leave_out_refused(
        cohort, nobody, folder / "refused.tsv", **{**SETTINGS, **settings}
    )
    assert judged.scan.tolist() == excluded.scan.tolist()
    return included.scan.tolist(), dict(zip(excluded.scan, excluded.reason, strict=True))


def large_lesion(path):
    rewrite(path, lambda voxels: part_of_head(0.3))


def test_a_refused_scan_is_left_out_until_its_file_changes(cohort, tmp_path):
    path = cohort.FA[1]
    rewrite(path, lambda voxels: 3 * voxels)
    said = run_intake(cohort, tmp_path)
    assert said.splitlines()[1] == "Refused (1 scan):"
    assert said.endswith(
        "Run the same command again: it goes on without them (sub-02); or correct the files."
    )
    scans, reasons = next_run(cohort, tmp_path)
    assert scans == ["sub-01", "sub-03"]
    assert reasons["sub-02"].startswith("refused: FA has a 99th percentile of 1.78")
    assert (
        run_intake(cohort, tmp_path, scans=scans) == ""
    )  # it is looked at again, but no longer stops the run
    assert read_table(tmp_path / "admitted.tsv").scan.tolist() == scans
    rewrite(path, lambda voxels: voxels / 3)
    assert next_run(cohort, tmp_path) == (["sub-01", "sub-02", "sub-03"], {})
    assert run_intake(cohort, tmp_path) == ""
    assert read_table(tmp_path / "refused.tsv").empty


def test_a_time_alone_a_group_and_a_setting_are_judged_anew_as_well(cohort, tmp_path):
    rewrite(cohort.RD[0], lambda voxels: voxels / 1e3)
    assert run_intake(cohort, tmp_path)
    assert next_run(cohort, tmp_path)[0] == ["sub-02", "sub-03"]
    assert next_run(cohort, tmp_path, units={**UNITS, "RD": "mm2/s"})[0] == ["sub-01", "sub-02", "sub-03"]
    assert next_run(cohort.assign(group="HC"), tmp_path)[0] == ["sub-01", "sub-02", "sub-03"]
    write_json(Path(cohort.RD[0]).parent, "RD.json", {"Units": "mm2/s"})
    assert next_run(cohort, tmp_path)[0] == ["sub-01", "sub-02", "sub-03"]
    os.remove(Path(cohort.RD[0]).parent / "RD.json")
    assert next_run(cohort, tmp_path)[0] == ["sub-02", "sub-03"]
    os.utime(cohort.RD[0], ns=(0, 1))
    assert next_run(cohort, tmp_path)[0] == ["sub-01", "sub-02", "sub-03"]


def test_a_suspicion_stops_the_run_until_it_is_accepted(cohort, tmp_path):
    large_lesion(cohort.lesion_mask[2])
    said = run_intake(cohort, tmp_path)
    assert "Suspicious (1 scan); accept what is right, correct or exclude the rest:" in said
    assert said.endswith("To accept: cohort.accept: {sub-03: [lesion_volume]}")
    assert next_run(cohort, tmp_path)[0] == ["sub-01", "sub-02", "sub-03"]
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
    assert "holds nothing but 0" in run_intake(cohort, tmp_path, accept={"all": list(CHECKS)})


def test_refused_and_suspicious_in_one_message(cohort, tmp_path):
    rewrite(cohort.FA[0], np.zeros_like)
    rewrite(cohort.MTR[0], lambda voxels: voxels / 100)
    large_lesion(cohort.lesion_mask[1])
    said = run_intake(cohort, tmp_path)
    assert [line[:22] for line in said.splitlines() if line.startswith("  - ")] == [
        "  - sub-01: FA (" + str(tmp_path)[:6], "  - sub-01: MTR (" + str(tmp_path)[:5],
        "  - sub-02: lesion_mas",
    ]  # fmt: skip
    assert said.endswith(
        "When the suspicions are settled, run the same command again: it goes on without them (sub-01); "
        "or correct the files."
    )
    assert not goes_on(tmp_path / "intake.tsv", tmp_path / "refused.tsv", None)


def test_the_run_goes_on_by_itself_only_if_somebody_was_newly_refused(cohort, tmp_path):
    files = tmp_path / "intake.tsv", tmp_path / "refused.tsv"
    assert not goes_on(*files, None)
    assert run_intake(cohort, tmp_path) == ""
    assert not goes_on(*files, None)
    rewrite(cohort.FA[0], np.zeros_like)
    before = files[1].read_bytes()
    assert run_intake(cohort, tmp_path)
    assert goes_on(*files, before)
    assert not goes_on(*files, files[1].read_bytes())


def test_one_image_under_two_participants(cohort, tmp_path):
    image = nib.load(cohort.T1w[0])
    nib.save(
        nib.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), cohort.T1w[1]
    )  # another header
    said = run_intake(cohort, tmp_path)
    assert f"  - sub-01: T1w ({cohort.T1w[0]}) is the same image as that of sub-02: " in said
    assert f"  - sub-02: T1w ({cohort.T1w[1]}) is the same image as that of sub-01: " in said
    assert "leave one of them out with cohort.exclude: [sub-01]." in said
    assert next_run(cohort, tmp_path)[0] == ["sub-03"]
    assert next_run(cohort.iloc[[0, 2]], tmp_path)[0] == [
        "sub-01",
        "sub-03",
    ]  # sub-02 excluded: sub-01 is free


def test_one_t1w_in_two_sessions(made, tmp_path):
    other = {**made[1], "T1w": made[0]["T1w"]}
    sessions = enumerate((made[0], other))
    rows = [{"subject": "01", "session": str(number), "group": "MS", **files} for number, files in sessions]
    said = run_intake(cohort_from_rows(rows), tmp_path)
    assert f"sub-01_ses-0: T1w ({made[0]['T1w']}) is the same image as that of sub-01_ses-1: " in said
    assert "To accept: cohort.accept: {sub-01_ses-0: [same_session]}" in said


def test_a_link_that_leaves_the_dataset(cohort, made, tmp_path):
    path = Path(cohort.MTR[0])
    path.unlink()
    path.symlink_to(made[0]["MTR"])
    said = run_intake(cohort, tmp_path, root=str(tmp_path / "images"))
    assert f"sub-01: MTR ({path}) is reached by a link that leaves the dataset's folder" in said
    assert "cohort.accept: {sub-01: [link_outside]}" in said
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
        ("%", "percent"), (1, "1"), ("Jane Doe", ""), (None, None),
    ],
)  # fmt: skip
def test_units_of_sidecars(tmp_path, text, unit):
    write_json(tmp_path, "RD.json", {"Units": text})
    assert stated_unit(tmp_path / "RD.nii.gz") == unit


def test_the_schema_offers_what_the_library_knows():
    units = SCHEMA["units"]["properties"]
    assert {name: part["enum"] for name, part in units.items()} == {
        name: [*FACTORS[name]] for name in FACTORS
    }
    assert {name: part["default"] for name, part in units.items()} == UNITS
    (entries,) = SCHEMA["cohort"]["properties"]["accept"]["patternProperties"].values()
    assert entries["items"]["enum"] == list(SUSPICIONS)


def test_every_check_is_documented():
    text = (ROOT / "docs/data.md").read_text()
    missing = [name for name in REFUSALS | SUSPICIONS if f"`{name}`" not in text]
    assert missing == []


def test_accepting_a_stranger():
    check_accept({"sub-01": ["apart"], "all": ["apart"]}, ["sub-01"])
    with pytest.raises(
        InputError, match="cohort.accept names sub-09, not in the cohort: use names such as sub-"
    ):
        check_accept({"sub-09": ["apart"]}, ["sub-01"])


def test_a_refused_table_of_another_kind_refuses_nobody(cohort, tmp_path):
    (tmp_path / "refused.tsv").write_text("scan\tfoo\nsub-01\tx\n")
    assert next_run(cohort, tmp_path)[0] == ["sub-01", "sub-02", "sub-03"]
