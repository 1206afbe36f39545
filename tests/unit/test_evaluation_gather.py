"""The tables of one scan in one file, and the joined tables of all scans."""

import pytest

from myelosketch.errors import InputError
from myelosketch.evaluation.gather import as_one_file, gather_scores, gather_tables


def test_gathering_keeps_digits_and_refuses_other_columns(tmp_path):
    first, second, other = (tmp_path / f"{name}.tsv" for name in ("first", "second", "other"))
    first.write_text("scan\tmae\nsub-01\t0.100\n")
    second.write_text("scan\tmae\n")
    other.write_text("scan\tmse\nsub-03\t1\n")
    gather_tables({"first": first, "second": second}, tmp_path / "all.tsv")
    assert (tmp_path / "all.tsv").read_text() == "scan\tmae\nsub-01\t0.100\n"
    with pytest.raises(InputError) as error:
        gather_tables({"first": first, "other": other}, tmp_path / "all.tsv")
    assert str(error.value) == (
        "other has the columns scan, mse; expected those of first, scan, mae: delete it and run again."
    )
    with pytest.raises(InputError, match="There is no scan to gather"):
        gather_tables({}, tmp_path / "all.tsv")


def test_scans_are_gathered_table_by_table(tmp_path):
    files = [tmp_path / f"{scan}.json" for scan in ("a", "b")]
    for file in files:
        with as_one_file(["mae", "roc"], file) as tables:
            for name, path in tables.items():
                path.write_text(f"scan\t{name}\n{file.stem}\t0.100\n")
    gather_scores(files, {name: tmp_path / f"{name}.tsv" for name in ("mae", "roc")})
    assert (tmp_path / "roc.tsv").read_text() == "scan\troc\na\t0.100\nb\t0.100\n"
    assert (tmp_path / "mae.tsv").read_text() == "scan\tmae\na\t0.100\nb\t0.100\n"


def test_a_scan_that_cannot_be_scored_leaves_no_file(tmp_path):
    with pytest.raises(InputError), as_one_file(["mae"], tmp_path / "a.json"):
        raise InputError("no")
    assert list(tmp_path.iterdir()) == []
