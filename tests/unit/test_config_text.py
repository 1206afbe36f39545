"""Duplicate keys in a configuration file are refused with file, key and lines, at any depth."""

import pytest

from myelosketch.cohort.config_text import check_config_files
from myelosketch.errors import InputError


def refused(text, name="mine.yaml"):
    with open(name, "w", encoding="utf-8") as stream:
        stream.write(text)
    with pytest.raises(InputError) as caught:
        check_config_files([name])
    return str(caught.value).splitlines()


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "cohort:\n  source: table\nfolds: {n: 3}\ncohort:\n  exclude: []\n",
            "cohort twice, in lines 1 and 4",
        ),
        ("a:\n  - b: {c: 1}\n  - b: {c: 1, d: 2,\n    c: 3}\n", "a.1.b.c twice, in lines 3 and 4"),
        ("a: &x\n  b: 1\n  b: 2\nc: *x\n", "a.b twice, in lines 2 and 3"),
        ('"a": 1\na: 2\n', "a twice, in lines 1 and 2"),
        ('{"a": 1, "a": 2}', "a twice, in line 1"),
        ('{\n\t"a": 1,\n\t"a": 2\n}', "a twice, in lines 2 and 3"),
        ("\ufeffa: 1\na: 2\n", "a twice, in lines 1 and 2"),
    ],
)
def test_a_key_that_stands_twice(text, place):
    assert refused(text) == [
        f"mine.yaml has the key {place}, and only the second would take effect: merge the two."
    ]


def test_all_of_all_files_at_once(tmp_path):
    (tmp_path / "other.yaml").write_text("x: 1\n")
    assert len(refused("a: 1\na: 2\nb: {c: 1, c: 2}\n")) == 2
    check_config_files([tmp_path / "other.yaml"])


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: {<<: *x, b: 2}\nd: {<<: *x, <<: *x}\n",
        "a: {b: 1}\nc: {b: 1}\n",
        "1: a\n'1': b\n",
        "",
        "- a\n- a\n",
    ],
)
def test_what_stands_once(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    check_config_files([tmp_path / "mine.yaml"])


@pytest.mark.parametrize("content", [b"a:\n\tb: 1\n", b"\xff\xfe\x00", b"a: M\xfcnchen\na: 1\n", b"a: {b\n"])
def test_what_cannot_be_parsed_is_left_to_snakemake(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    check_config_files([tmp_path / "mine.yaml", tmp_path / "absent.yaml"])
