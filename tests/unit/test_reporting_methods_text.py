"""The methods section states the settings, cites only known references, and counts the cohort correctly."""

import copy
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from myelosketch.cohort.table import cohort_from_rows
from myelosketch.reporting.methods import text as methods

ROOT = Path(__file__).parents[2]
PROVENANCE = {"commit": "abc", "software": {"python": "3.11.2", "antspyx": "0.6.3"}}
MAPS = {name: f"{name}.nii.gz" for name in ("T1w", "FA", "RD", "AD", "MTR", "DVR")}
RAW = {name: f"{name}.nii.gz" for name in ("T1w", "dwi", "mt_on", "mt_off", "pet", "reference_mask")}


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def over(base, changes):
    changed = copy.deepcopy(base)
    for key, value in changes.items():
        changed[key] = over(base[key], value) if isinstance(value, dict) else value
    return changed


def people():
    rows = [
        {"subject": "01", "group": "MS", "lesion_mask": "l.nii.gz", **MAPS},
        {"subject": "02", "group": "MS", "FLAIR": "f.nii.gz", **RAW},
        {"subject": "03", "group": "HC", **RAW},
        {"subject": "B1", "group": "HC", **MAPS},
    ]
    cohort = cohort_from_rows(rows)
    reasons = ["no MTR in the table", "named in cohort.exclude", "no MTR in the table"]
    excluded = pd.DataFrame({"scan": ["sub-7", "sub-8", "sub-9"], "group": "MS", "reason": reasons})
    folds = pd.DataFrame({"subject": cohort.subject, "group": cohort.group, "fold": ["1", "2", "1", "0"]})
    return {"cohort": cohort, "excluded": excluded, "folds": folds}


def written(config, **changes):
    return methods.methods_text(over(config, changes), PROVENANCE, **people())


def test_cohort_is_counted(config):
    text = written(config)
    assert (
        "2 patients with multiple sclerosis and 2 healthy controls entered the analysis (4 scans), including 1 "
        in text
    )
    assert "Excluded: 3 scans, 2 (no MTR in the table); 1 (named in cohort.exclude)." in text
    assert "in 2-fold cross-validation stratified by group" in text
    assert "FA, RD and AD maps of 2 scans were supplied" in text
    assert "FA, RD and AD of 2 scans were derived from diffusion images, aligned (rigid)" in text
    assert "White-matter lesions of 1 scan came from supplied masks" in text
    assert "White-matter lesions of 1 scan were segmented on FLAIR" in text


def test_only_a_simulated_cohort_is_called_simulated(config):
    assert "no person was measured" in written(config)
    assert "simulated (world: as published)" in written(config)
    methods = ["template", "refiner"]
    assert "simulated" not in written(config, cohort={"source": "table"}, training={"methods": methods})
    # a network trained on simulated people is described as such for any cohort
    measured = written(config, cohort={"source": "table"}, training={"methods": [*methods, "transfer"]})
    assert "trained beforehand on simulated participants" in measured


def test_text_follows_the_settings(config):
    other = written(
        config,
        maps={"dvr_model": "srtm", "reference": "grey_matter"},
        registration={"metric": "GC", "dwi": "deformable"},
        regions={"perilesional_mm": 0.0},
        evaluation={"k": 1.5, "alpha": 0.1, "reference": "voxelwise"},
        training={"methods": ["template", "ridgemeans"], "flips": False, "schedule": "constant", "ema": 0.0},
        prediction={"flips": False},
    )
    for words in (
        "simplified reference tissue model with basis functions [@gunn1997]; the reference region was grey matter",
        "Diffusion (deformable)",
        "The metric was global correlation",
        "mean − 1.5 SD of healthy white matter",
        "white-matter voxels around the same point",
        "Means of scores have 90 % intervals by bootstrap over participants",
        "compares methods that predict DVR",
    ):
        assert words in other
    for words in (
        "[@logan1996]",
        "normal-appearing white matter.",
        "U-Net",
        "sketcher was",
        "mirrored",
        "cosine",
    ):
        assert words not in other
    usual = written(config)
    assert "the Logan reference plot [@logan1996] with t* = 35 minutes, without the k2' term;" in usual
    assert "Sketcher: 250 steps, learning rate 0.002, λ = 160." in usual
    assert "16, 32, 64 channels per level and a dropout of 50 %" in usual
    assert "Wilcoxon signed-rank test" in usual
    assert "adjusted by Holm's method" in usual


def test_what_is_not_the_papers_is_named_and_nothing_else(config):
    ours = "\n".join(methods.decisions(config, ["sketcher", "refiner"]))
    for words in (
        "non-saturating",
        "correction of the sketch",
        "centred on lesions",
        "first moment of Adam is 0.5",
    ):
        assert words in ours
    assert ours.endswith(".")
    assert ours.count(".\n") == 0
    paper = yaml.safe_load((ROOT / "configs/paper.yaml").read_text(encoding="utf-8"))
    published = "\n".join(methods.decisions(over(config, paper), ["sketcher", "refiner"]))
    gone = ("correction of the sketch", "centred on lesions", "cosine", "moving average", "mirrored")
    for words in (*gone, "first moment of Adam", "non-saturating", "a shell around lesions", "not their sum"):
        assert words not in published
    assert over(config, paper)["training"]["refiner"]["reduction"] == "sum"
    assert over(config, paper)["training"]["precision"] == 32


@pytest.mark.parametrize("changes", [{}, {"maps": {"dvr_model": "srtm"}}, {"tissue": {"template": "affine"}}])
def test_references_are_those_cited_and_whole(config, changes):
    text = written(config, **changes)
    entries = methods.cited_references(text)
    keys = re.findall(r"^@\w+\{(\w+),$", entries, re.MULTILINE)
    assert sorted(keys) == sorted(set(methods.CITATION.findall(text)))
    for entry in entries.split("\n\n"):
        assert entry.count("{") == entry.count("}")
        assert {"author", "title", "year"} <= set(re.findall(r"^  (\w+) = \{", entry, re.MULTILINE))


def test_every_reference_can_be_cited():
    known = re.findall(r"^@\w+\{(\w+),$", methods.REFERENCES.read_text(encoding="utf-8"), re.MULTILINE)
    template = (methods.REFERENCES.with_name(methods.TEMPLATE)).read_text(encoding="utf-8")
    assert set(known) == set(methods.CITATION.findall(template))


def test_text_is_paragraphs_of_whole_sentences(config):
    for block in written(config).split("\n\n"):
        assert block.strip().startswith(("#", "- ")) or "\n" not in block.strip()
        assert "  " not in block
        assert " ." not in block
