"""Nothing that a header or a sidecar says about a person reaches an output, a log or the console."""

import gzip
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from intake_scans import affine, head, inspected, make_maps, make_raw, row
from scipy.ndimage import gaussian_filter

from myelosketch.errors import InputError
from myelosketch.imaging.files import Anatomy, OnPetGrid, RawImages
from myelosketch.imaging.registration.to_petref import register_scan, register_to_t1w
from myelosketch.intake.gate import admit_scans, gather_intake
from myelosketch.io.provenance import read_json, sidecar_path, write_json
from myelosketch.io.tables import write_table
from myelosketch.io.units import default_units
from myelosketch.io.volumes import load_volume
from myelosketch.reporting.pages.intake import write_intake_page

LIBRARY = Path(__file__).parents[2] / "workflow_scripts/myelosketch"
MARKER = "JaneDoe1970"
FIELDS = ("PatientName", "PatientBirthDate", "AcquisitionDateTime", "InstitutionName", "SeriesDescription")


def mark(path):
    """Write the marker wherever a NIfTI header and its sidecar hold free text."""
    image = nib.load(path)
    new = nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        new.header[field] = MARKER
    new.header.extensions.append(nib.nifti1.Nifti1Extension("comment", MARKER.encode()))
    nib.save(new, path)
    sidecar = sidecar_path(path)
    content = read_json(sidecar) if sidecar.is_file() else {}
    write_json(sidecar, {**content, **dict.fromkeys(FIELDS, MARKER)})


def written(folder):
    """Every byte under a folder by file, decompressed where compressed."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield path, gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def leaks(folder):
    forms = [MARKER.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    return [path.name for path, content in written(folder) if any(form in content for form in forms)]


@pytest.fixture
def dataset(tmp_path):
    """A scan with maps and one with raw series, marked all over; the second one with a unit that is the marker."""
    scans = []
    for number, make in enumerate((make_maps, make_raw), start=1):
        folder = tmp_path / f"data{number}"
        folder.mkdir()
        files = make(folder, number)
        for path in files.values():
            mark(path)
        scans.append(row(files, subject=f"0{number}"))
    assert leaks(tmp_path)  # the marker is there to be found
    return scans


@pytest.mark.parametrize("spoilt", [False, True], ids=["good", "spoilt"])
def test_the_intake_keeps_names_to_itself(dataset, tmp_path, capfd, monkeypatch, spoilt):
    monkeypatch.setattr("myelosketch.intake.mirror.COMPARED", ())  # heads of noise have no left and right
    out = tmp_path / "out"
    if spoilt:
        write_json(sidecar_path(dataset[0]["MTR"]), {"Units": MARKER})
        Path(dataset[0]["FA"]).write_bytes(Path(dataset[0]["FA"]).read_bytes()[:2000])
        (Path(dataset[1]["pet"]).parent / "pet.json").write_text(f'{{"PatientName": "{MARKER}"')
        (Path(dataset[1]["dwi"]).parent / "dwi.bval").write_text(f"{MARKER} 0 0")
    inspections = inspected(dataset, out, units=default_units(), root=str(tmp_path))
    gather_intake(inspections, out / "intake.tsv", {})
    write_table(pd.DataFrame([], columns=["scan", "group", "reason"]), out / "excluded.tsv")
    write_intake_page(
        out / "intake.html", intake=out / "intake.tsv", excluded=out / "excluded.tsv", inspections=inspections,
    )  # fmt: skip
    said = ""
    try:
        admit_scans(out / "intake.tsv", out / "admitted.tsv")
    except InputError as error:
        said = str(error)
    assert bool(said) == spoilt
    assert len(list(written(out))) >= 5
    assert leaks(out) == []
    printed = capfd.readouterr()
    assert MARKER not in said + printed.out + printed.err


def test_the_registration_keeps_names_to_itself(tmp_path, capfd):
    texture = gaussian_filter(np.random.default_rng(3).normal(0, 1, head().shape), 2.0)
    texture = head() * (1 + texture / np.abs(texture).max())
    inputs, scales = {}, {"t1w": 500, "FA": 0.3, "RD": 0.6e-3, "AD": 1.0e-3, "MTR": 30, "DVR": 1}
    for name, scale in {**scales, "brain": 0, "tissue": 0}.items():
        inputs[name] = str(tmp_path / f"{name}.nii.gz")
        data = scale * texture if scale else head()
        nib.save(nib.Nifti1Image(data.astype(np.float32), affine()), inputs[name])
        mark(inputs[name])
    inputs["lesion"] = str(tmp_path / "lesion.nii.gz")
    nib.save(nib.Nifti1Image(0 * texture.astype(np.float32), affine()), inputs["lesion"])
    mark(inputs["lesion"])
    outputs = {
        key: str(tmp_path / f"out/{key}.nii.gz") for key in ("fa", "rd", "ad", "mtr", "dvr", "fractions")
    }
    outputs["xfm_t1w_to_petref"] = str(tmp_path / "out/xfm_t1w_to_petref.mat")
    to_t1w = {key: str(tmp_path / f"out/{key}.mat") for key in ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w")}
    registration = {
        "metric": "mattes",
        "sampling": 0.5,
        "finest_mm": 6.0,
        "starts": 0,
        "dwi": "rigid",
        "pet_fwhm_mm": 0.0,
    }
    settings = {
        "registration": registration,
        "seed": 1,
        "units": {**default_units(), "RD": "mm2/s", "AD": "mm2/s", "DVR": "BPnd"},
    }
    images, anatomy = RawImages.of(inputs), Anatomy.of(inputs | to_t1w)
    register_to_t1w(images, load_volume(inputs["t1w"]), anatomy, **settings)
    register_scan(images, anatomy, OnPetGrid.of(outputs), **settings)
    assert leaks(tmp_path / "out") == []
    printed = capfd.readouterr()
    assert MARKER not in printed.out + printed.err
    # the declared unit was converted, and both are in the sidecar
    assert nib.load(outputs["rd"]).get_fdata().max() == pytest.approx(0.6 * texture.max(), rel=0.2)
    sidecar = read_json(sidecar_path(outputs["rd"]))
    assert (sidecar["Units"], sidecar["Parameters"]["InputUnits"]) == ("1e-3 mm2/s", "mm2/s")
    dvr = nib.load(outputs["dvr"]).get_fdata()
    assert dvr.max() == pytest.approx(1 + texture.max(), rel=1e-3)
    assert (dvr[~head()] == 0).all()
    sidecar = read_json(sidecar_path(outputs["dvr"]))
    assert (sidecar["Units"], sidecar["Parameters"]["InputUnits"]) == ("1", "BPnd")


def test_images_are_written_in_one_place_with_a_header_of_our_own():
    writers = [
        (path.name, line.strip())
        for path in sorted(LIBRARY.rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"nib\.save\(|to_filename\(|image_write\(|\.to_file\(", line)
    ]
    # input of ANTs for probabilities: written from plain arrays to a temporary folder that is deleted afterwards
    passing = "ants.image_write(template.new_image_like(np.ascontiguousarray(prior, np.float32)), path)"
    assert [name for name, line in writers if line != passing] == ["volumes.py"]
