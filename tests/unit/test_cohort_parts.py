"""Parts: every scan in one of them, stable when the cohort changes; records that know what is gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myelosketch.cohort.parts import files_gone, split_in_parts, write_record
from myelosketch.errors import GeometryError, InputError, for_each

SCANS = st.lists(st.from_regex(r"sub-[A-Za-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=80, unique=True)


@given(SCANS, st.integers(1, 20))
def test_every_scan_is_in_one_part_and_none_is_empty(scans, size):
    parts = split_in_parts(scans, size)
    assert sorted(scan for part in parts.values() for scan in part) == sorted(scans)
    assert all(parts.values())
    if size > 1:
        assert len(parts) < max(2 * len(scans) / size, 2)
    for part in parts.values():  # in the order given
        assert part == [scan for scan in scans if scan in part]


@given(SCANS, st.integers(2, 20))
def test_a_scan_that_leaves_changes_its_own_part_alone(scans, size):
    before = split_in_parts(scans, size)
    after = split_in_parts(scans[1:], size) if scans[1:] else {}
    numbers = [max(map(int, parts), default=0) for parts in (before, after)]
    if len(scans) > 1 and -(-len(scans) // size) > 1 and numbers[0] == numbers[1]:
        kept = {part: [scan for scan in found if scan != scans[0]] for part, found in before.items()}
        same = {part: found for part, found in kept.items() if found} == after
        # or else the number of parts was halved, which it is at these counts only
        assert same or _count(len(scans), size) != _count(len(scans) - 1, size)


def _count(n, size):
    count = 1
    while count * size < n:
        count *= 2
    return count


def test_a_part_of_one_has_the_name_of_its_scan():
    assert split_in_parts(["sub-2", "sub-1"], 1) == {"sub-2": ["sub-2"], "sub-1": ["sub-1"]}
    assert split_in_parts([], 4) == {}
    assert split_in_parts(["sub-2", "sub-1"], 2) == {"1": ["sub-2", "sub-1"]}


def test_parts_are_the_same_on_every_machine():
    """Names of parts are names of files: they may not depend on Python's own hash."""
    scans = [f"sub-{number:02d}" for number in range(1, 9)]
    assert split_in_parts(scans, 2) == {
        "1": ["sub-05", "sub-07"],
        "2": ["sub-01", "sub-03", "sub-08"],
        "3": ["sub-04", "sub-06"],
        "4": ["sub-02"],
    }


def test_a_record_knows_which_of_its_files_are_gone(tmp_path):
    files = [tmp_path / f"{number}.nii.gz" for number in range(3)]
    for file in files:
        file.touch()
    record = tmp_path / "record.tsv"
    assert files_gone(record) == []
    write_record(record, [{"scan": "sub-1", "file": file, "method": "ridge"} for file in files])
    assert files_gone(record) == []
    files[1].unlink()
    assert files_gone(record) == [str(files[1])]


def test_all_that_fail_are_told_and_the_others_are_done():
    done = []

    def work(item):
        if item % 2:
            raise (InputError if item > 1 else GeometryError)(f"{item} is odd")
        done.append(item)

    with pytest.raises(InputError, match=r"^1 is odd\n3 is odd$"):
        for_each(range(5), work)
    assert done == [0, 2, 4]
    with pytest.raises(ZeroDivisionError):  # a fault of the program is not the input's
        for_each([0], lambda item: 1 / item)
