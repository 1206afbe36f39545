"""JSON sidecars from users: read with a byte order mark, or refused with the place of the fault."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from intake_scans import affine, copied, inspected, make_maps, make_raw, row

from myelosketch.errors import InputError
from myelosketch.imaging.registration.distortion import phase_axis
from myelosketch.intake.inspection import inspect_scan
from myelosketch.io import sidecars
from myelosketch.io.sidecars import read_metadata
from myelosketch.io.units import stated_unit
from myelosketch.io.volumes import save_volume


def test_an_image_without_json_says_nothing(tmp_path):
    assert read_metadata(tmp_path / "fa.nii.gz") == {}


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_utf8_is_read_with_and_without_its_mark(tmp_path, start):
    (tmp_path / "rd.json").write_bytes(start + '{"Units": "µm²/ms", "Site": "Würzburg"}'.encode())
    assert read_metadata(tmp_path / "rd.nii") == {"Units": "µm²/ms", "Site": "Würzburg"}
    assert stated_unit(tmp_path / "rd.nii.gz") == "um2/ms"


def test_the_nearest_of_several_files_wins(tmp_path, monkeypatch):
    files = [tmp_path / "far.json", tmp_path / "near.json"]
    files[0].write_text('{"Units": "mm2/s", "EchoTime": 1}')
    files[1].write_text('{"Units": "um2/ms"}')
    monkeypatch.setattr(sidecars, "metadata_files", lambda image: files)
    assert read_metadata("rd.nii.gz") == {"Units": "um2/ms", "EchoTime": 1}


DEEP = b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
FAULTS = {
    "latin-1": (
        '{\n"Site": "Würzburg"}'.encode("latin-1"),
        "is not UTF-8: byte 0xfc at position 12 (line 2): save it as UTF-8.",
    ),
    "utf-16": ('{"Units": "1"}'.encode("utf-16"), "is not UTF-8: byte 0xff at position 0 (line 1)"),
    "cut": (b'{"Units": "1",\n "Site', "is not JSON: Unterminated string starting at in line 2, column 2: correct"),
    "empty": (b"", "is not JSON: Expecting value in line 1, column 1: correct it there."),
    "list": (b'["Units"]', "does not contain a JSON object: write keys and values between { and }."),
    "deep": (DEEP, "is nested too deeply, or holds a number that is too long: write it again."),
    "digits": (b'{"a": ' + b"1" * 10_000 + b"}", "or holds a number that is too long: write it again."),
    "large": (b" " * 10_000_001, "holds 10 MB, expected at most 10 MB of JSON: is it the right file?"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_is_refused_at_once(tmp_path, fault):
    content, sentence = FAULTS[fault]
    (tmp_path / "rd.json").write_bytes(content)
    start = time.monotonic()
    for read in (read_metadata, stated_unit):
        with pytest.raises(InputError) as error:
            read(tmp_path / "rd.nii.gz")
        assert str(error.value).startswith(f"{tmp_path}/rd.json ")
        assert sentence in str(error.value)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", ["FA", "RD", "DVR", "dwi", "pet", "segmentation"])
def test_the_intake_refuses_a_scan_whose_json_is_unreadable(tmp_path, name):
    files = make_raw(tmp_path, 1) if name in ("dwi", "pet") else make_maps(tmp_path, 1)
    if name == "segmentation":
        files[name] = str(tmp_path / "segmentation.nii.gz")
        save_volume(files[name], np.indices((28, 32, 28)).sum(0).astype(np.uint8) % 3, affine())
    (tmp_path / f"{name}.json").write_bytes('{"Units": "é"}'.encode("latin-1"))
    maps = {"b_max": 1500, "b0_threshold": 50, "t_star_min": 35, "reference": "mask"}
    found = [entry for entry in inspect_scan(row(files), maps=maps)["findings"] if entry["input"] == name]
    assert [(entry["check"], entry["verdict"]) for entry in found] == [("sidecar", "refused")]
    assert f"{name}.json is not UTF-8: byte 0xe9 at position 11 (line 1)" in found[0]["reason"]
    assert found[0]["way_out"] == "save it as UTF-8"


def test_a_json_that_nothing_is_read_from_may_be_anything(tmp_path):
    files = copied(make_maps(tmp_path, 1), tmp_path / "scan")
    (tmp_path / "scan/T1w.json").write_bytes(b"\xff")
    (path,) = inspected([row(files)], tmp_path)
    assert json.loads(path.read_text())["findings"] == []


def test_the_phase_encoding_is_taken_from_the_nearest_file_that_names_it(tmp_path):
    far, near = tmp_path / "dwi.json", tmp_path / "sub-01_dwi.json"
    far.write_text('{"PhaseEncodingDirection": "j-"}')
    near.write_text('{"EchoTime": 0.1}')
    image = tmp_path / "sub-01_dwi.nii.gz"
    save_volume(image, np.zeros((2, 2, 2)), np.eye(4))
    assert phase_axis("", [far, near], image) == 1
    near.write_text('{"PhaseEncodingDirection": "i"}')
    assert phase_axis("", [far, near], image) == 0
    assert phase_axis("", far, image) == 1


@pytest.mark.parametrize("name", ["a.tsv", "a.nii.gz"])
def test_what_a_killed_job_left_is_written_over_by_the_next_one(tmp_path, name):
    """Otherwise each kill during writing would leave an orphaned file."""
    start = "import os, signal\nfrom myelosketch.io.provenance import replacing\n"
    code = f"{start}with replacing({str(tmp_path / name)!r}) as path:\n"
    killed = "    path.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "workflow_scripts")}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code + killed], env=environment, check=False)
    assert not (tmp_path / name).exists()
    subprocess.run(
        [sys.executable, "-c", code + "    path.write_text('whole')\n"], env=environment, check=True
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "whole"
