"""The scans' tables put together."""

import pytest

from myelosketch.errors import InputError
from myelosketch.evaluation.gather import gather_all, gather_tables


def test_gathering_keeps_digits_and_refuses_other_columns(tmp_path):
    first, second, other = (tmp_path / f"{name}.tsv" for name in ("first", "second", "other"))
    first.write_text("scan\tmae\nsub-01\t0.100\n")
    second.write_text("scan\tmae\n")
    other.write_text("scan\tmse\nsub-03\t1\n")
    gather_tables([first, second], tmp_path / "all.tsv")
    assert (tmp_path / "all.tsv").read_text() == "scan\tmae\nsub-01\t0.100\n"
    with pytest.raises(InputError) as error:
        gather_tables([first, other], tmp_path / "all.tsv")
    assert str(error.value) == (
        f"{other} has the columns scan, mse; expected those of {first}, scan, mae: delete it and run again."
    )
    with pytest.raises(InputError, match="There is no scan to gather"):
        gather_tables([], tmp_path / "all.tsv")


def test_scans_are_gathered_table_by_table(tmp_path):
    paths = []
    for scan in ("a", "b"):
        for table in ("mae", "roc"):
            paths.append(tmp_path / f"{scan}_{table}.tsv")
            paths[-1].write_text(f"scan\t{table}\n{scan}\t1\n")
    gather_all(paths, [tmp_path / "mae.tsv", tmp_path / "roc.tsv"])
    assert (tmp_path / "roc.tsv").read_text() == "scan\troc\na\t1\nb\t1\n"
    assert (tmp_path / "mae.tsv").read_text() == "scan\tmae\na\t1\nb\t1\n"
