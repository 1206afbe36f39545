"""Cohorts with little to compute, from scored scans to the report: n/a with a reason, no crash, no 0."""

import numpy as np
import pandas as pd
import pytest
from report_run import FACTS, PROVENANCE
from scored_scan import MEAN, SD, SHAPE, Scan

from myelosketch.evaluation.analyses import analyse_scores
from myelosketch.evaluation.gather import gather_tables
from myelosketch.evaluation.scoring import TABLES
from myelosketch.io.provenance import write_json
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import read_table
from myelosketch.reporting.figures.catalogue import FIGURES
from myelosketch.reporting.figures.findings import finding
from myelosketch.reporting.figures.saving import draw_figure
from myelosketch.reporting.pages.report import report_content
from myelosketch.reporting.tables import latex as latex_tables
from myelosketch.reporting.tables import methods as report_tables

METHODS = ["ridgemeans", "refiner"]
FIGURE_FACTS = FACTS | {"methods": METHODS}
SHARED = {"methods": METHODS, "bootstrap": 1000, "seed": 1, "alpha": 0.05}


def healthy(scan):
    """No lesion voxel is demyelinated, in no map."""
    scan.measured[scan.lesion] = MEAN


def equal(scan):
    """One DVR everywhere."""
    scan.measured[:] = MEAN - 2 * SD


def without_lesions(scan):
    """A patient whose mask is empty."""
    scan.labels[scan.lesion] = 2
    scan.lesion[:] = False
    scan.measured[3:11, 3:11, 3:11] = np.random.default_rng(9).normal(MEAN, 0.05, (8, 8, 8))
    scan.regions = scan.write("regions", scan.labels)
    scan.write_anatomy()


def noisy(generator, scan):
    return scan.measured + generator.normal(0, 0.02, SHAPE)


def evaluate(root, people, *, change=None, only=None, predict=noisy):
    """Every table of a cohort, by the functions of the workflow.

    Parameters
    ----------
    root : results folder
    people : list of (group, fold)
    change : function that changes a scan before it is scored
    only : numbers of the scans that are changed; all of them if not given
    predict : function of a generator and a scan that gives the DVR predicted by both methods
    """
    gathered = []
    for number, (group, fold) in enumerate(people):
        folder = root / f"scans/{number}"
        folder.mkdir(parents=True)
        scan, generator = Scan(folder, seed=number), np.random.default_rng(number)
        if change and (only is None or number in only):
            change(scan)
        scan.dvr = scan.write("dvr", scan.measured)
        if group == "HC":
            scan.regions = scan.write("regions", np.where(scan.lesion, 2, scan.labels).astype(np.uint8))
        write_json(scan.threshold, {"fold": fold, "mean": MEAN, "sd": SD, "note": None})
        for method in METHODS:
            scan.add(method, predict(generator, scan))
        scan.score(group=group, fold=fold, scan=f"sub-{group}{number}")
        gathered.append(scan.tables)
    folder = root / "evaluation"
    folder.mkdir()
    scored = {name: folder / f"{name}.tsv" for name in TABLES}
    for name, path in scored.items():
        gather_tables({tables[name]: tables[name] for tables in gathered}, path)

    made = ("summary", "coverage", "statistics", "claims", "lesion_agreement", "patient_agreement")
    made += ("comparisons", "ranks", "sensitivity")
    outputs = {name: folder / f"{name}.tsv" for name in made} | {"sidecar": folder / "summary.json"}
    analyse_scores(scored, outputs, ceilings=[], k=1.0, margin=0.05, borders=[100], sizes=[50], **SHARED)
    return root


def table(root, name, **chosen):
    """Return the rows of a table of the evaluation with the given values (as text)."""
    found = read_table(root / f"evaluation/{name}.tsv")
    for column, value in chosen.items():
        found = found[found[column] == value]
    return found


def cells(root):
    """The refiner's row of the first table of the report."""
    view = report_tables.glance_table(RunFolder(root), k=1.0)
    return dict(zip(view.header, next(row for row in view.rows if row[0].startswith("Refiner")), strict=True))


PEOPLE = [("MS", 1), ("MS", 2), ("MS", 3), ("MS", 1), ("HC", 2), ("HC", 3), ("HC", 1)]


def test_no_patient_with_a_demyelinated_voxel(tmp_path):
    root = evaluate(tmp_path, PEOPLE, change=healthy)
    row = cells(root)
    assert [row[name] for name in ("Better than trivial", "Dice", "Trivial Dice", "MCC")] == ["n/a"] * 4
    more = report_tables.demyelination_table(RunFolder(root), k=1.0)
    bias = more.rows[[row[0].startswith("Refiner") for row in more.rows].index(True)][
        more.header.index("Bias (points)")
    ]
    assert bias == "0.0 (0.0 to 0.0) n\u00a0=\u00a04"  # which is true: none in either map
    note = table(root, "summary", method="refiner", metric="dice", k="1").note.item()
    assert note.startswith("no value in 4 of 4 subjects (no lesion, nothing demyelinated")
    claim = table(root, "claims", claim="C4", source="refiner").iloc[0]
    assert pd.isna(claim.verdict)
    assert claim.evidence == "the subjects do not differ"


@pytest.mark.parametrize("only", [[0], [0, 1, 2, 3]])
def test_patients_without_lesions_count_for_all_but_lesions(tmp_path, capsys, only):
    root = evaluate(tmp_path, PEOPLE, change=without_lesions, only=only)
    whole = table(root, "summary", method="refiner").set_index("metric")
    assert set(whole.loc[["brain_mae", "nawm_mae"], "n"].astype(int)) == {7}
    n = 4 - len(only)
    assert int(whole.loc["lesion_mae", "n"]) == n
    rows = table(root, "demyelination", method="refiner", scan="sub-MS0", k="1")
    assert rows.n_lesion_voxels.tolist() == ["0"]
    assert rows[["pct_true", "dice", "mcc", "auc"]].isna().all(axis=None)
    assert table(root, "roc", scan="sub-MS0").tpr.isna().all()
    assert "sub-MS0" not in set(table(root, "lesions").scan)
    mcc = table(root, "summary", method="refiner", metric="mcc", k="1")
    assert int(mcc.n.item()) <= n
    assert mcc.note.item().startswith(
        f"no value in {len(only)} of 4 subjects (no lesion, nothing demyelinated"
    )
    white = table(root, "claims", claim="C1", source="pet").iloc[0]
    assert "missing" not in white.evidence  # their NAWM is compared with the controls'
    content = report_content(RunFolder(root), captions=".", provenance=PROVENANCE, facts=FACTS)
    assert content["glance"].rows
    for name, figure in FIGURES.items():
        tables = [root / table for table in figure.tables]
        if all(path.is_file() for path in tables) and not figure.maps:
            outputs = {kind: tmp_path / f"figures/{name}.{kind}" for kind in ("png", "svg", "tsv")}
            settings = {key: FIGURE_FACTS[key] for key in figure.settings}
            draw_figure(
                figure.build, tables, title=name, simulated=True, settings=settings, dpi=30, **outputs
            )
            assert "nan" not in finding(figure.finding, outputs["tsv"], FIGURE_FACTS)
    assert ("is empty: " in capsys.readouterr().out) == (n == 0)  # what is drawn leaves them out


def test_all_values_equal(tmp_path):
    root = evaluate(tmp_path, PEOPLE, change=equal, predict=lambda generator, scan: scan.measured)
    row = cells(root)
    assert row["MCC"] == row["Slope of true on predicted lesion means"] == "n/a"
    assert row["Better than trivial"] == "no"
    assert table(root, "claims").verdict.isna().all()
    evidence = table(root, "claims", source="refiner").set_index("claim").evidence
    assert evidence["C1"] == "no value varies within the groups"
    assert evidence["C2"] == "all differences are zero"
    agreement = table(root, "lesion_agreement", method="refiner", stratum="all")
    assert agreement.note.item() == "the lesions' means do not vary"
    assert agreement.pearson_r.isna().all()


@pytest.mark.parametrize(("people", "missing"), [(PEOPLE[:4], "controls"), (PEOPLE[4:], "patients")])
def test_one_group_is_missing(tmp_path, people, missing):
    root = evaluate(tmp_path, people)
    claims = table(root, "claims", source="pet").set_index("claim")
    assert pd.isna(claims.verdict["C1"])
    assert claims.evidence["C1"] == "one group is missing"
    row = cells(root)
    if missing == "controls":
        assert row["Better than trivial"] == "yes, by Dice and MCC"
    else:
        assert set(row.values()) == {"Refiner (Wei 2018)", "n/a"}
        assert set(table(root, "lesion_agreement").note) == {"no lesion"}
        lesions = table(root, "coverage", quantity="lesion_mean_dvr")
        assert set(lesions.note) == {"no participant with a value"}
        assert claims.evidence["C2"] == "no subject with both values"
        assert (table(root, "summary", metric="mcc").note == "no subject with a value").all()


def test_one_participant_per_fold(tmp_path):
    root = evaluate(tmp_path, [("MS", 1), ("MS", 2), ("HC", 3)])
    assert cells(root)["n"] == "2"
    assert cells(root)["MCC"].endswith("(interval n/a)")
    assert cells(root)["Better than trivial"] == "n/a"
    assert table(root, "claims").verdict.isna().all()
    patients = table(root, "patient_agreement")
    assert (
        patients[["icc", "pearson_r", "limit_low"]].isna().all(axis=None)
    )  # two points are always on a line
    assert set(patients.note) == {"fewer than 3 subjects"}
    lesions = table(root, "comparisons", metric="lesion_mae")
    assert lesions.note.item() == "fewer than 3 subjects"
    assert lesions[["ci_low", "p_wilcoxon", "p_corrected"]].isna().all(axis=None)


@pytest.mark.parametrize("people", [PEOPLE[:4], PEOPLE[4:], [("MS", 1), ("MS", 2), ("HC", 3)]])
def test_the_report_and_the_tables_for_a_paper_are_written_all_the_same(tmp_path, people):
    root = evaluate(tmp_path, people)
    content = report_content(RunFolder(root), captions=".", provenance=PROVENANCE, facts=FACTS)
    assert content["glance"].rows
    assert len(content["read_first"]) == 5
    assert "nan" not in " ".join(content["read_first"])
    names = ("ladder", "claims", "demyelination", "lesion_agreement", "statistics")
    tables = {name: tmp_path / f"tables/{name}.tex" for name in names}
    latex_tables.write_latex_tables(tables, RunFolder(root), facts=FACTS)
    assert all(path.is_file() for path in tables.values())
