"""Malicious files: each ends in one message, in little time and memory."""

import gzip
import json
import resource
import struct
import sys
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "faults"))

import fuzz
from bids_tree import make_dataset, refusal, touch

from myelosketch.cohort.bids_names import as_yaml
from myelosketch.errors import InputError
from myelosketch.imaging.own_regions import read_names
from myelosketch.intake.frames import read_frames
from myelosketch.intake.inspection import inspect_image
from myelosketch.io.transform_files import read_linear
from myelosketch.io.volumes import load_volume
from myelosketch.learning.models import load_model

HUGE = 10**4
# a small part of the executions of `make faults`
SAMPLE = 4000


def header(**fields):
    """A NIfTI-1 file of 3 x 4 x 5 voxels with other fields of its header."""
    image = nib.Nifti1Image(np.ones((3, 4, 5), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    content = np.frombuffer(image.to_bytes()[:348], nib.nifti1.header_dtype).copy()
    for name, value in fields.items():
        content[name] = value
    return content.tobytes() + image.to_bytes()[348:]


def header_2(shape):
    """The same as NIfTI-2."""
    image = nib.Nifti2Image(np.ones((3, 4, 5), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    content = bytearray(image.to_bytes())
    content[16:80] = struct.pack("<8q", 3, *shape, 1, 1, 1, 1)
    return bytes(content)


def mgh(shape):
    return struct.pack(">7i", 1, *shape, 1, 3, 0) + bytes(400)


def dim(*sides):
    return [len(sides), *sides, *[1] * (7 - len(sides))]


CLAIMS = {
    "1e12 voxels.nii": header(dim=dim(HUGE, HUGE, HUGE)),
    "1e12 voxels.nii.gz": gzip.compress(header(dim=dim(HUGE, HUGE, HUGE))),
    "nifti-2.nii.gz": gzip.compress(header_2((HUGE, HUGE, HUGE))),
    "series.nii.gz": gzip.compress(header(dim=dim(900, 900, 500, 30000))),
    "freesurfer.mgz": gzip.compress(mgh((HUGE, HUGE, HUGE))),
    "far.nii": header(vox_offset=1e38),
    "nowhere.nii": header(vox_offset=np.nan),
}


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("read", [load_volume, lambda path: refused_by_intake("segmentation", path)])
def test_a_claim_of_more_voxels_than_a_file_can_hold_is_refused_before_allocation(tmp_path, name, read):
    path = tmp_path / name
    path.write_bytes(CLAIMS[name])
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="its header states .* voxels, more than the file can contain"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def refused_by_intake(name, path):
    """The finding of an image that is refused, as an error."""
    _, findings, volume = inspect_image(name, path)
    assert volume is None
    raise InputError(f"{findings[0].reason}: {findings[0].way_out}.")


def test_a_gzip_bomb_is_refused_before_allocation(tmp_path):
    """It contains what it states, a thousand times its size, and is not an image of a head."""
    path = tmp_path / "bomb.nii.gz"
    with gzip.open(path, "wb", 1) as stream:
        stream.write(header(dim=dim(1000, 1000, 600), datatype=2, bitpix=8, vox_offset=352)[:352])
        for _ in range(600):
            stream.write(bytes(1000 * 1000))
    assert path.stat().st_size < 4e6
    words = "is too large: its header states 1000 x 1000 x 600 voxels, expected at most 5e8 in a volume"
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=words):
            load_volume(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_stream_that_goes_on_behind_its_image_is_read_as_far_as_the_header_says(tmp_path):
    path = tmp_path / "long.nii.gz"
    path.write_bytes(gzip.compress(header() + bytes(50_000_000)))
    tracemalloc.start()
    try:
        assert load_volume(path).shape == (3, 4, 5)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_an_image_takes_no_more_than_24_bytes_a_voxel(tmp_path, dtype):
    """Twice the size of the voxels as 64-bit numbers, in which they are scaled, plus the buffers of gzip."""
    path = tmp_path / "image.nii.gz"
    image = nib.Nifti1Image(np.ones((100, 100, 100), dtype), np.eye(4))
    image.header.set_slope_inter(2.0, 1.0)
    nib.save(image, path)
    tracemalloc.start()
    try:
        load_volume(path)
        assert tracemalloc.get_traced_memory()[1] < 24 * 100**3
    finally:
        tracemalloc.stop()


HEADERS = {
    "no voxel": (header(dim=dim(3, 4, 0)), "states the shape"),
    "negative side": (header(dim=dim(3, -4, 5)), "states the shape"),
    "far from here": (
        header(srow_x=[2, 0, 0, 1e38], srow_y=[0, 2, 0, 0], srow_z=[0, 0, 2, 0], sform_code=1),
        "no valid affine",
    ),
    "axes that are one when rounded": (
        header(srow_x=[2, 0, 0, 0], srow_y=[-1e38, 2, 0, 0], srow_z=[0, 0, 2, 0], sform_code=1),
        "no valid affine",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_nonsense(tmp_path, name):
    content, words = HEADERS[name]
    path = tmp_path / "image.nii"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        load_volume(path)
    _, findings, volume = inspect_image("T1w", path)
    assert volume is None
    assert findings


ITK = "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 1 4 5 6\n"
GRID = (
    "valid = 1\nvolume = 9 9 9\nvoxelsize = 0 1 1\nxras = -1 0 0\nyras = 0 0 -1\nzras = 0 1 0\ncras = 0 0 0\n"
)
LTA = (
    "type = 0\nnxforms = 1\n1 4 4\n1 0 0 2\n0 1 0 3\n0 0 1 4\n0 0 0 1\n"
    f"src volume info\n{GRID}dst volume info\n{GRID}"
)
TRANSFORMS = {
    "centre.txt": (f"{ITK}FixedParameters: 10 20\n".encode(), "has 2 fixed parameters"),
    "nan.tfm": (f"{ITK}FixedParameters: nan 20 30\n".encode(), "has no inverse"),
    "memory.mat": (struct.pack("<5i", 0, 2**30, 1, 0, 8) + b"xfm_3_3\0", "cannot be read as an ITK transform"),
    "letters.mat": (struct.pack("<5i", 0, 1, 1, 0, 2**31 - 1) + bytes(8), "cannot be read as an ITK transform"),
    "flat.lta": (LTA.encode(), "has no inverse"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_of_nonsense(tmp_path, name):
    content, words = TRANSFORMS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_linear(tmp_path / name)


def test_a_time_that_no_float_holds(tmp_path):
    content = {"FrameTimesStart": [0, 10**400], "FrameDuration": [1, 1]}
    (tmp_path / "pet.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="FrameTimesStart in its JSON that is not a list of numbers"):
        read_frames(tmp_path / "pet.nii.gz")


def test_a_label_that_no_float_holds(tmp_path):
    (tmp_path / "names.tsv").write_text(f"index\tname\n{'9' * 400}\tleft\n")
    with pytest.raises(
        InputError, match="has the index '9{40}'; expected a whole number from 0 with at most nine"
    ):
        read_names(tmp_path / "names.tsv")


@pytest.mark.parametrize("value", ["\u0085\u202e\x01", "{", "a: b: c", "2020-13-45", '"'])
def test_an_entity_that_yaml_has_a_meaning_for_is_quoted(value):
    assert as_yaml(value) == json.dumps(value)


CARDS = {
    "text": (b"{", "is not JSON"),
    "bytes": (b"\x80", "is not JSON"),
    "deep": (b"[" * 100_000, "is not JSON"),
    "list": (b"[]", "not a JSON object"),
    "software": (b'{"format": 99, "software": []}', "of unknown version"),
    "format": (b'{"format": {"a": 1}}', "has the format"),
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_of_nonsense(tmp_path, name):
    content, words = CARDS[name]
    (tmp_path / "model.json").write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=words):
        load_model(tmp_path)


def test_spoilt_files_of_every_kind_end_in_a_value_or_a_sentence():
    rows = fuzz.fuzz(SAMPLE, 23)
    assert {name: list(found) for name, (_, _, found) in rows.items() if found} == {}
    assert all(count >= SAMPLE // len(rows) for count, _, _ in rows.values())


def test_the_fuzzing_finds_a_traceback_a_hang_and_an_allocation(monkeypatch):
    """The test above can fail."""

    def hang():
        while True:
            pass

    faults = {"traceback": lambda: [][1], "hang": hang, "memory": lambda: bytes(2**40)}
    known = {name: fuzz_reader(name, call) for name, call in faults.items()}
    monkeypatch.setattr(fuzz, "readers", lambda folder: known)
    monkeypatch.setattr(fuzz, "LONGEST_S", 0.2)
    rows = fuzz.fuzz(3, 1)
    said = {name: " ".join(found) for name, (_, _, found) in rows.items()}
    assert said["traceback"].startswith("IndexError")
    assert said["hang"].startswith("TooSlowError")
    assert said["memory"].startswith("MemoryError")
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def fuzz_reader(name, call):
    from fuzz_readers import Reader

    return Reader(name, [b"seed"], (lambda random, content: content,), lambda content: [call])


HOSTILE_NAMES = ("a b", "a;b", "$(id)", "a'b", 'a"b', "é", "x" * 200)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_participant_folder_of_a_hostile_name_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make_dataset()
    touch(f"ds/sub-{name}", "anat/{scan}_T1w.nii.gz")
    lines = refusal()
    if name.isalnum() and name.isascii():
        assert any("no row in ds/participants.tsv" in line for line in lines)
    else:
        assert any("must be letters and digits only" in line for line in lines)
