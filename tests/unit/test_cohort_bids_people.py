"""participants.tsv and sessions.tsv in the forms that research groups write."""

from pathlib import Path

import pytest
from bids_tree import DEFAULTS, LESIONS, MAPS, hints, make_dataset, people, read, refusal, row, touch

from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.found import write_found
from myelosketch.cohort.table import COLUMNS, read_cohort
from myelosketch.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_dataset()
    return tmp_path


@pytest.fixture
def visits(tmp_path, monkeypatch):
    """A patient and a control with two sessions each."""
    monkeypatch.chdir(tmp_path)
    for session in ("01", "02"):
        touch(f"ds/sub-01/ses-{session}", *MAPS, LESIONS)
        touch(f"ds/sub-02/ses-{session}", *MAPS)
    people("sub-01\tMS\t40\tF", "sub-02\tHC\t50\tM", header="participant_id\tgroup\tage\tsex")
    return tmp_path


def sessions(subject, *rows, header="session_id\tage\tEDSS"):
    people(*rows, header=header, path=f"ds/sub-{subject}/sub-{subject}_sessions.tsv")


# --- participants.tsv


def test_a_quotation_mark_opens_nothing(here):
    """An earlier version merged the second row, which has no folder, into the first and lost its group."""
    people(
        'sub-02\t"second visit\tHC',
        'sub-09\tdropped out"\tMS',
        "sub-01\tx\tMS",
        header="participant_id\tnote\tgroup",
    )
    table = read()
    assert row(table, "sub-02").group == "HC"
    assert row(table, "sub-02").note == '"second visit'


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u2007 "])
def test_ids_groups_and_sites_are_stripped_alike(here, blank):
    people(
        f"{blank}sub-01{blank}\t{blank}MS{blank}\t{blank}A{blank}", "\t\t", "", f"sub-02\t{blank}\tB",
        header=f"participant_id{blank}\t{blank}group\tsite",
    )  # fmt: skip
    table = read(site_column="site")
    assert table.scan.tolist() == ["sub-01", "sub-02"]
    assert table.group.tolist() == ["MS", None]
    assert table.site.tolist() == ["A", "B"]


def test_a_byte_order_mark_crlf_another_case_and_umlauts(here):
    header = "\ufeffParticipant_ID\tGROUP\tGeschlecht\tAusführung"
    lines = [header, "sub-01\tms\tweiblich\tüblich", "sub-02\tControl\tn/a\t", ""]
    Path("ds/participants.tsv").write_bytes("\r\n".join(lines).encode())
    table = read()
    assert table.group.tolist() == ["MS", "HC"]
    assert table["Ausführung"].tolist() == ["üblich", None]
    assert list(table.columns) == ["scan", *COLUMNS, "Geschlecht", "Ausführung"]


@pytest.mark.parametrize("label", ["sub-1", "1", "SUB-01", "Sub-001", "sub_01", "sub 01", "sub-0-1"])
def test_an_id_that_nearly_matches_is_named(here, label):
    people(f"{label}\tMS", "sub-02\tHC")
    said = (
        f"no row in ds/participants.tsv; the table has {label!r}: write each id like the name of its folder."
    )
    assert refusal() == [f"  - sub-01: {said}"]
    with pytest.raises(InputError, match="no row in ds/participants.tsv; the table has"):
        read_bids(DEFAULTS | {"dataset": "ds"}, predicts=True)


def test_an_id_that_does_not_match_is_just_absent(here):
    people("sub-11\tMS", "sub-02\tHC")
    assert refusal() == [
        "  - sub-01: no row in ds/participants.tsv: add one with the group, or with n/a to leave them out."
    ]


def test_a_row_of_another_length_is_named_by_its_line(here):
    people("sub-01\tMS", "", "sub-02\tHC\tx")
    with pytest.raises(InputError) as caught:
        read()
    assert str(caught.value).startswith(
        "The table ds/participants.tsv has 2 cells in its header, but line 4 has 3: give every row"
    )


def test_further_columns_are_kept_and_those_with_a_known_name_get_another(here):
    people(
        "sub-01\tRRMS\tC 1\tMPRAGE\t41", "sub-02\tcontrol\tn/a\tMPRAGE\tn/a",
        header="participant_id\tphenotype\tsite\tT1w\tage",
    )  # fmt: skip
    table = read(group_column="phenotype", groups={"MS": ["RRMS"], "HC": ["control"]})
    further = {"phenotype": "RRMS", "participants_site": "C 1", "participants_T1w": "MPRAGE", "age": "41"}
    assert row(table, "sub-01")[list(further)].to_dict() == further
    assert list(table.columns) == ["scan", *COLUMNS, *further]
    assert table.site.tolist() == [None, None]
    assert row(table, "sub-02").age is None
    write_found(table.to_dict("records"), "found.tsv")
    again = read_cohort("found.tsv")
    assert again.drop(columns=[*COLUMNS]).equals(table.drop(columns=[*COLUMNS]))


def test_new_scans_have_further_columns_without_a_group(here):
    people("sub-01\t41", header="participant_id\tage")
    table = read_bids(DEFAULTS | {"dataset": "ds"}, predicts=True).table
    assert table.age.tolist() == ["41", None]
    assert table.group.tolist() == [None, None]


def test_a_table_that_is_not_downloaded(here):
    Path("ds/participants.tsv").unlink()
    Path("ds/participants.tsv").symlink_to(".git/annex/objects/x")
    with pytest.raises(
        InputError, match=r"^ds/participants.tsv is not downloaded \(datalad get\): this table says who"
    ):
        read()


# --- sessions.tsv


def test_sessions_win_over_participants(visits):
    sessions("01", "ses-01\t41\t2.5", "02\t43\tn/a", "ses-09\t50\t4")
    table = read()
    assert table.scan.tolist() == ["sub-01_ses-01", "sub-01_ses-02", "sub-02_ses-01", "sub-02_ses-02"]
    assert table.age.tolist() == ["41", "43", "50", "50"]
    assert table.EDSS.tolist() == ["2.5", None, None, None]
    assert table.sex.tolist() == ["F", "F", "M", "M"]
    assert hints() == []


def test_a_session_without_a_row_has_not_the_value_of_another_time(visits):
    sessions("01", "ses-01\t41\t2.5")
    assert read().age.tolist() == ["41", None, "50", "50"]


def test_the_time_of_a_session_is_a_column_like_the_others_and_known_names_get_another(visits):
    sessions("01", "ses-01\t2020-01-01T10:00:00\tMS\tA", header="Session_ID\tacq_time\tgroup\tsite")
    first = read().iloc[0]
    assert (first.acq_time, first.sessions_group, first.sessions_site) == ("2020-01-01T10:00:00", "MS", "A")
    assert (first.group, first.site) == ("MS", None)


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (["01\t1\t2", "02\t1"], "session_id\tage\tEDSS",
         "The table {path} has 3 cells in its header, but line 3 has 2: give every row one cell per "
         "column, n/a if the value is unknown."),
        (["01\t1"], "session\tage", "{path} lacks the column session_id; found: session, age."),
        (["01\t1", "ses-01\t2"], "session_id\tage", "{path} has a session twice: keep one row of each."),
    ],
)  # fmt: skip
def test_a_malformed_table_of_sessions(visits, rows, header, said):
    sessions("01", *rows, header=header)
    assert refusal() == ["  - " + said.format(path="ds/sub-01/sub-01_sessions.tsv")]


def test_a_session_that_is_nearly_named(visits):
    sessions("01", "ses-1\t41\t2.5", "ses-02\t43\t3")
    assert hints() == [
        "ds/sub-01/sub-01_sessions.tsv: no row for ses-01; the table has 'ses-1': write each id like the "
        "name of its folder."
    ]


def test_sessions_that_are_not_downloaded(visits):
    path = Path("ds/sub-01/sub-01_sessions.tsv")
    path.symlink_to("../.git/annex/objects/x")
    assert hints() == [f"{path} is not downloaded (datalad get {path}): its columns are unknown."]
    assert read().age.tolist() == ["40", "40", "50", "50"]
