"""Tables and sidecars: text survives a round trip, and files are complete or absent."""

import re

import numpy as np
import pandas as pd
import pytest

from myelosketch.errors import InputError
from myelosketch.io.provenance import provenance, read_json, sidecar_path, write_json
from myelosketch.io.tables import read_lines, read_table, write_table


def test_missing_is_na_and_identifiers_stay_text(tmp_path):
    write_table(pd.DataFrame({"subject": ["01", "02"], "mae": [0.5, np.nan]}), tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == "subject\tmae\n01\t0.5\n02\tn/a\n"
    table = read_table(tmp_path / "t.tsv", numeric=("mae",))
    assert table.subject.tolist() == ["01", "02"]
    assert table.mae[0] == 0.5
    assert np.isnan(table.mae[1])


def test_comma_separated_by_suffix(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,\n")
    table = read_table(tmp_path / "t.csv")
    assert table.a[0] == "1"
    assert pd.isna(table.b[0])


def test_text_where_a_number_belongs(tmp_path):
    (tmp_path / "t.tsv").write_text("mae\nmany\n")
    with pytest.raises(InputError, match="has 'many' in column mae; expected a number or n/a"):
        read_table(tmp_path / "t.tsv", numeric=("mae",))


def test_absent_and_empty_table(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "none.tsv")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "empty.tsv")


def test_sidecar_has_no_machine_paths_and_no_nan(tmp_path):
    content = provenance(sources=["/some/where/a.nii.gz"], parameters={"sigma": np.float32("nan")}, Units="1")
    write_json(tmp_path / "a.json", content)
    found = read_json(tmp_path / "a.json")
    assert found["Sources"] == ["a.nii.gz"]
    assert found["Parameters"] == {"sigma": None}
    assert found["Software"]["myelosketch"]
    assert sidecar_path("x/a.nii.gz").name == "a.json"


# --- the form of a table


def written(tmp_path, content, name="t.tsv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_quotation_mark_in_a_tsv_is_a_character(tmp_path):
    table = read_table(
        written(tmp_path, 'id\tcomment\tgroup\n1\t"black hole\tHC\n2\tsaid "no"\tMS\n3\tx"\tMS\n')
    )
    assert table.comment.tolist() == ['"black hole', 'said "no"', 'x"']
    assert table.group.tolist() == ["HC", "MS", "MS"]


def test_a_csv_may_quote(tmp_path):
    content = 'id,comment\n1,"a, ""b""\nc"\n2,d\n'
    table = read_lines(written(tmp_path, content, "t.csv"))
    assert table.comment.tolist() == ['a, "b"\nc', "d"]
    assert table.index.tolist() == [2, 4]


def test_a_csv_whose_quotation_never_ends(tmp_path):
    with pytest.raises(InputError, match="cannot be read .*: save it as UTF-8 text with one header line"):
        read_table(written(tmp_path, 'id,comment\n1,"open\n2,x\n', "t.csv"))


def test_cells_are_stripped_and_blank_rows_passed_over(tmp_path):
    table = read_lines(written(tmp_path, " id \tgroup\u00a0\n\n 01\u00a0\t MS \n\t\n \u00a0\t\n02\tn/a \n\n"))
    assert list(table.columns) == ["id", "group"]
    assert table.index.tolist() == [3, 6]
    assert table.id.tolist() == ["01", "02"]
    assert table.group[3] == "MS"
    assert pd.isna(table.group[6])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_line_ends_and_byte_order_marks(tmp_path, end, mark):
    table = read_lines(written(tmp_path, mark + end.join(["id\tname", "1\tMüller", "2\tÅs"]) + end))
    assert table.to_dict("list") == {"id": ["1", "2"], "name": ["Müller", "Ås"]}
    assert table.index.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "a\tb\n1\t2\n\n1\n1\t2\t3\n",
            "has 2 cells in its header, but line 4 has 1, line 5 has 3: give every row one cell per "
            "column, n/a if the value is unknown.",
        ),
        (
            "a\tb\n" + "1\n" * 12,
            "but line 2 has 1, line 3 has 1, line 4 has 1, line 5 has 1, line 6 has 1, line 7 has 1, line 8 has 1, "
            "line 9 has 1, line 10 has 1, line 11 has 1 and 2 more lines differ: give",
        ),
        ("a\tb\ta\n1\t2\t3\n", "has the column 'a' twice: keep one of them."),
        ("a\t\tc\n1\t\t3\n1\t2\t3\n", "has no name for its column 2, which line 3 fills: name it."),
        ("\n\t\n", "cannot be read (it is empty): give it one header line."),
        ("a\nM\u00fcller\n".encode("latin-1"), "cannot be read ('utf-8' codec can't decode byte 0xfc in position 3"),
    ],
)  # fmt: skip
def test_a_malformed_table(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert str(caught.value).startswith(f"The table {path} ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "header"), [("t.tsv", "a;b"), ("t.tsv", "a,b"), ("t.csv", "a;b"), ("t.csv", "a\tb")]
)
def test_another_separator(tmp_path, name, header):
    path = written(tmp_path, f"{header}\n{header}\n", name)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert str(caught.value) == (
        f"The table {path} has only one column, {header!r}: separate cells by tabs, or by commas in a .csv file."
    )


def test_a_nameless_column_without_cells_is_none(tmp_path):
    assert list(read_table(written(tmp_path, "a\tb\t\n1\t2\t\n")).columns) == ["a", "b"]


def test_what_is_written_is_what_is_read(tmp_path):
    """Any text in any cell: the table keeps its rows and columns, and written again it is the same file."""
    rng = np.random.default_rng(5)
    signs = np.array(["a", '"', "'", "\t", "\n", "\r", ",", " ", "\u00a0", "\\", "é", "#", "n/a", "1"])
    for rows in (0, 1, 2, 7):
        for columns in (1, 3):
            cells = [
                ["".join(rng.choice(signs, rng.integers(0, 6))) for _ in range(columns)] for _ in range(rows)
            ]
            table = pd.DataFrame(cells, columns=[f"c{place}" for place in range(columns)], dtype=object)
            write_table(table, tmp_path / "a.tsv")
            found = read_table(tmp_path / "a.tsv")
            assert found.shape == table.shape
            plain = table.map(lambda text: re.sub(r"[\t\r\n]+", " ", text).strip()).replace(
                {"": None, "n/a": None}
            )
            assert found.where(found.notna(), None).values.tolist() == plain.values.tolist()
            write_table(found, tmp_path / "b.tsv")
            assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
