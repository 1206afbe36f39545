"""The page of the calibration: formulae and parameters match the code, figures exist, missed targets come first."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from myelosketch.calibration import (
    criteria,
    equations,
    figure_ladder,
    markdown,
    page,
    parameters,
    relations,
    steps,
)
from myelosketch.calibration import tissue_table as tissues
from myelosketch.calibration.cohort_lesions import KIND_COLUMNS
from myelosketch.calibration.lesion_targets import COLUMNS as LESION_COLUMNS
from myelosketch.calibration.targets import TARGETS
from myelosketch.evaluation.summary import METRICS
from myelosketch.io.tables import write_table
from myelosketch.simulation import physics
from myelosketch.simulation.settings import DEFAULTS
from myelosketch.simulation.worlds import WORLDS

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config.yaml"
READERS = (ROOT / "docs/simulation.md").read_text(encoding="utf-8")
MEASURED = (ROOT / "docs/simulation-measured.md").read_text(encoding="utf-8")


def section_of(page):
    """The parameter section of a page; "" if it has none."""
    found = re.search(re.escape(parameters.START) + ".*?" + re.escape(parameters.END), page, re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("seed", range(5))
def test_every_formula_of_the_page_is_what_the_code_computes(seed):
    rng = np.random.default_rng(seed)
    m, a, w, c, t = rng.uniform([0, 0, 0, 0.4, -0.1], [1.2, 1.1, 0.6, 2.0, 0.1])
    values = {"m": m, "a": a, "w": w, "c": c, "t": t}
    functions = {"exp": np.exp, "log": np.log, "abs": abs}
    for _, symbol, formula in equations.EQUATIONS:
        values[symbol] = eval(formula.replace("−", "-").replace("·", "*"), functions, values)
    axial, radial = physics.diffusivities(m, a, w, c)
    expected = {
        "AD": axial,
        "RD": radial,
        "FA": physics.fractional_anisotropy(axial, radial),
        "MTR": physics.magnetisation_transfer_ratio(m, a, w),
        "DVR": physics.distribution_volume_ratio(m, w, t),
        "T1w": physics.t1w_intensity(m, a, w),
        "FLAIR": physics.flair_intensity(m, w, 1e6),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_the_published_page_holds_the_parameters_of_the_code():
    assert section_of(MEASURED) == parameters.parameters_section(CONFIG), (
        "run make calibration: docs/simulation-measured.md is stale"
    )


def test_the_published_page_shows_figures_that_are_there():
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", MEASURED)
    assert {Path(link).stem for link in shown} == set(steps.FIGURES)
    assert all((ROOT / "docs" / link).is_file() for link in shown)


def test_the_page_for_readers_quotes_measured_numbers_as_they_are_and_hides_no_miss():
    def criteria_of(page, heading):
        section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        return [line for line in section.splitlines() if re.fullmatch(r"\| .* \| (yes|no) \|", line)]

    quoted, measured = (
        criteria_of(READERS, "How well it matches published numbers"),
        criteria_of(MEASURED, "All criteria"),
    )
    assert len(quoted) > 5
    assert [row for row in quoted if row not in measured] == [], (
        "copy these rows from docs/simulation-measured.md"
    )
    assert [row for row in measured if row.endswith("no |") and row not in quoted] == []


def test_the_page_for_readers_states_the_worlds_of_the_code():
    stated = re.findall(r"^\| `(\w+)`(?: \(default\))? \| ([\d.]+) \| ([\d.]+) \|$", READERS, re.MULTILINE)
    worlds = {name: {"gain_sd": float(gain), "unseen_sd": float(unseen)} for name, gain, unseen in stated}
    assert worlds == WORLDS
    assert f"| `{DEFAULTS['world']}` (default) |" in READERS


def test_every_setting_and_every_kind_of_lesion_is_among_the_parameters():
    text = parameters.parameters_section(CONFIG)
    for key, _ in parameters.flatten(DEFAULTS):
        assert f"| `{key}` |" in text
    for constant in ("KINDS", "NAWM_CHANGE", "TISSUES", "FREE_WATER", "VOLUME_MM3", "RELATIVE_RISK"):
        assert f"| `{constant}` |" in text
    settings = text[: text.index("### Constants")]
    rows = [line.split(" | ") for line in settings.splitlines() if line.startswith("| `")]
    assert all(row[3].rstrip(" |") for row in rows), "every setting has its comment in config.yaml"


def test_constants_carry_their_comments(tmp_path):
    lines = ["# above", "# it", "A = 1", "B = {", '    "x": 1,  # beside', "}", "", "C = 2"]
    assert parameters.comment_of(lines, 3, 3) == "above it"
    assert parameters.comment_of(lines, 4, 6) == "beside"
    assert parameters.comment_of(lines, 8, 8) == ""


def test_comments_of_nested_keys_join_those_of_the_key_above():
    text = "r:\n  s:\n    # One.\n    a: 1\n    # By group.\n    b:\n      # Patients.\n      MS: 2\n"
    assert parameters.config_comments(text)["r.s.a"] == "One."
    assert parameters.config_comments(text)["r.s.b.MS"] == "By group. Patients."


def test_changed_settings_are_those_that_differ():
    assert parameters.changed_settings(DEFAULTS) == {}
    changed = DEFAULTS | {"pet": DEFAULTS["pet"] | {"noise_sd": 0.2}, "lesion_load": "clinical"}
    assert parameters.changed_settings(changed) == {"pet.noise_sd": "0.2", "lesion_load": "clinical"}


def test_numbers_and_cells_stay_in_their_table():
    assert [markdown.number(value) for value in (0.12345, -2, 1234.5, np.nan, None)] == [
        *("0.123", "−2", "1230", "n/a", "n/a"),
    ]
    assert parameters.plain({"a": (1, 2.5), "b": True}) == "a: (1, 2.5); b: true"
    assert parameters.cell("a | b\n c") == "a \\| b c"


@pytest.fixture
def inputs(tmp_path):
    """Tables of a calibration in which one target is missed: dict of paths."""
    middle = [(t.low + t.high) / 2 for t in TARGETS]
    rows = [
        (t.tissue, t.quantity, t.kind, t.low, t.high, t.source, m, 0.01, 9, t.verdict(m))
        for t, m in zip(TARGETS, middle, strict=True)
    ]
    tissue = pd.DataFrame(rows, columns=list(tissues.COLUMNS))
    tissue.loc[0, ["mean", "verdict"]] = 0.7, "outside"
    correlations = [
        (w, m, -0.3, -0.3, 0.1, 4, 99) for w in relations.WHERE for m in ("MTR", "FA", "RD", "AD")
    ]
    mcc = dict(zip(criteria.ORDER, (0.1, 0.2, 0.25, 0.4, 0.5, 0.6), strict=True))
    keep = {name: k for name, k in (("mcc", 1.0), ("dice", 1.0), ("auc", 1.0), ("trivial_dice", 1.0))}
    keep |= {"lesion_mean_r": np.nan, "lesion_mae": np.nan}
    assert set(keep) <= {metric.name for metric in METRICS}
    ladder = [
        (m, name, k, mcc[m], mcc[m] - 0.1, mcc[m] + 0.1, 4, None) for m in mcc for name, k in keep.items()
    ]
    columns = ["method", "metric", "k", "mean", "ci_low", "ci_high", "n", "note"]
    demyelination = [(m, f"MS0{n}", 1.0, 60.0, 0.75) for m in criteria.ORDER for n in range(1, 5)]
    lesions = [("KS distance of log volume", 0.0, 0.0, 0.1, 0.05, "inside", "x")]
    lesions += [("volume, percentile 50 (mm³)", 21.6, np.nan, np.nan, 20.0, "", "not judged")]
    tables = {
        "tissue": tissue,
        "correlations": pd.DataFrame(correlations, columns=list(relations.COLUMNS)),
        "loads": pd.DataFrame(
            {"subject": ["MS01"], "n_lesions": [20], "load_ml": [5.0], "largest_ml": [1.0]}
        ),
        "kinds": pd.DataFrame([("active", 9, 1.0, 1.0, 0.5, 0.5, 0.1)], columns=list(KIND_COLUMNS)),
        "lesions": pd.DataFrame(lesions, columns=list(LESION_COLUMNS)),
        "ladder": pd.DataFrame(ladder, columns=columns),
        "demyelination": pd.DataFrame(
            demyelination, columns=["method", "subject", "k", "pct_true", "trivial_dice"]
        ),
        "scored_lesions": pd.DataFrame(
            [(m, 150.0, one, one * 1.1) for m in ("visible", "rescan") for one in (1.0, 1.1, 1.2)],
            columns=["method", "volume_mm3", "mean_dvr_true", "mean_dvr_pred"],
        ),
    }
    for name, table in tables.items():
        write_table(table, tmp_path / f"{name}.tsv")
    return {name: tmp_path / f"{name}.tsv" for name in tables}


FACTS = {
    "seed": 7,
    "n_patients": 4,
    "n_controls": 3,
    "n_surveyed": 5,
    "k": 1.0,
    "alpha": 0.05,
    "settings": DEFAULTS,
}


def test_the_page_names_what_is_missed_first(inputs, tmp_path):
    out = tmp_path / "page.md"
    page.write_page(
        out, tmp_path / "criteria.tsv", inputs, config=CONFIG, benchmarks=tmp_path / "none", facts=FACTS
    )
    text = out.read_text(encoding="utf-8")
    judged = len(TARGETS) + 1 + 1 + 2 + 6 + 1
    assert f"**{judged - 1} of {judged} criteria are met.** Not met:" in text
    missed = text.index("- white matter, controls: FA: 0.7; wanted 0.4 to 0.48")
    assert missed < text.index("## How the cohort is measured")
    assert "seed 7, level `maps`, world: as published;" in text
    assert "This run has no benchmark files." in text
    assert section_of(text) == parameters.parameters_section(CONFIG)
    assert not re.search(r"\{\{|\{%|\bnan\b", text)
    shown = {Path(link).stem for link in re.findall(r"\]\((simulation/[^)]+)\)", text)}
    assert shown == set(steps.FIGURES)


def test_two_scans_and_lesion_means_are_held_against_what_is_published():
    """Two lesions of 100 to 200 mm3 that differ by 8 and 12 % of their mean; one of 500 mm3 does not count."""
    rows = [("rescan", 110, 1.0, 1.0833333), ("rescan", 150, 1.0, 1.1276596), ("rescan", 500, 1.0, 3.0)]
    rows += [("visible", 150, 1.0, 1.2), ("visible", 150, 1.1, 1.1), ("visible", 150, 1.2, 1.0)]
    columns = ["method", "volume_mm3", "mean_dvr_true", "mean_dvr_pred"]
    repeat, r = criteria.repeat_criteria(pd.DataFrame(rows, columns=columns))
    assert repeat["criterion"] == "difference of two scans, 2 lesions of 100 to 200 mm³, %"
    assert (repeat["found"], repeat["wanted"], repeat["met"]) == ("10", "7 to 12", "yes")
    assert (r["found"], r["met"]) == ("-1.00", "no")


def test_settings_of_the_run_are_named_where_they_differ(inputs, tmp_path):
    facts = FACTS | {"settings": DEFAULTS | {"lesion_load": "clinical"}}
    out = tmp_path / "page.md"
    page.write_page(
        out, tmp_path / "criteria.tsv", inputs, config=CONFIG, benchmarks=tmp_path / "none", facts=facts
    )
    assert "differ from the defaults: `lesion_load` clinical." in out.read_text(encoding="utf-8")


def test_the_ladder_figure_shows_every_rung(inputs):
    figure, data = figure_ladder.build_ladder(steps.read_ladder(inputs["ladder"]), k=1.0, alpha=0.05)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == [figure_ladder.rung_name(method) for method in criteria.ORDER]
    assert set(data.metric) == {"mcc", "dice", "lesion_mae", "trivial_dice"}
