"""The methods section of a paper, from the settings and the cohort of a run (as fMRIPrep's boilerplate)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import myelosketch
from myelosketch.cohort.table import MAPS, SOURCES, lesion_source
from myelosketch.io.names import METHODS, subject_of
from myelosketch.io.tables import read_table
from myelosketch.learning.ladder import NETWORK_METHODS, base_of
from myelosketch.reporting.display import world_words

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = "methods.md.j2"
REFERENCES = Path(__file__).with_name("references.bib")
CITATION = re.compile(r"\[@(\w+)\]")
_ENTRY = re.compile(r"^@\w+\{(\w+),\n.*?^\}\n", re.MULTILINE | re.DOTALL)
# the linear models, by their input
LINEAR = {"ridgevoxel": "the maps", "ridgemeans": "their means over 3\u00b3 voxels and the products of these"}
DENOISED = {"none": "", "patch2self": ", denoised (patch2self)", "mppca": ", denoised (MP-PCA)"}


def methods_text(
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
    *,
    cohort: pd.DataFrame,
    excluded: pd.DataFrame,
    folds: pd.DataFrame,
) -> str:
    """Write the methods section of a run in Markdown, with citations such as ``[@wei2018]``.

    Parameters
    ----------
    config : dict, the configuration in force
    provenance : dict with ``commit`` and ``software``, as in provenance.json
    cohort, excluded, folds : the tables cohort.tsv, excluded.tsv and folds.tsv

    Returns
    -------
    str
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    training = config["training"]
    methods = [name for name in METHODS if name in training["methods"]]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["counted"] = counted
    text = environment.get_template(TEMPLATE).render(
        version=myelosketch.__version__,
        commit=provenance["commit"],
        software=provenance["software"],
        config=config,
        simulated=config["cohort"]["source"] == "simulate",
        world=world_words(config["simulation"]["world"]),
        inputs=training["inputs"],
        methods=methods,
        networks={name: training[name] for name in methods if name in NETWORK_METHODS},
        linear=[words for name, words in LINEAR.items() if name in methods],
        recalibrated=[name for name in methods if base_of(name)],
        folds=folds.loc[folds["fold"].astype(int) > 0, "fold"].nunique(),
        crops=_crops(training),
        denoised=DENOISED[config["maps"]["denoise"]],
        aligned="" if config["maps"]["motion"] == "none" else f", aligned ({config['maps']['motion']})",
        cohort=cohort_facts(cohort, excluded, folds),
        decisions=decisions(config, methods),
    )
    return _paragraphs(text)


def cohort_facts(cohort: pd.DataFrame, excluded: pd.DataFrame, folds: pd.DataFrame) -> dict[str, Any]:
    """Count what a methods section states about a cohort.

    Parameters
    ----------
    cohort, excluded, folds : the tables cohort.tsv, excluded.tsv and folds.tsv

    Returns
    -------
    dict : ``patients``, ``controls``, ``external`` (participants), ``scans``, ``excluded`` (list of n and reason),
        ``given`` and ``derived`` (scans by map), ``segmented`` (scans), ``lesions`` (scans by source)
    """
    rows = cohort.astype(object).where(cohort.notna(), None).to_dict("records")
    groups = {subject_of(row["scan"]): row["group"] for row in rows}
    reasons = Counter(re.sub(r" \(.*\)|:.*", "", reason) for reason in excluded["reason"])
    given = {name: sum(bool(row.get(name)) for row in rows) for name in MAPS}
    derived = {
        name: sum(not row.get(name) and all(row.get(one) for one in raw) for row in rows)
        for maps, raw in SOURCES
        for name in maps
    }
    return {
        "patients": list(groups.values()).count("MS"),
        "controls": list(groups.values()).count("HC"),
        "external": int((folds["fold"].astype(int) == 0).sum()),
        "scans": len(rows),
        "excluded": [{"n": n, "reason": reason} for reason, n in reasons.most_common()],
        "given": given,
        "derived": derived,
        "segmented": sum(bool(row.get("segmentation")) for row in rows),
        "lesions": Counter(lesion_source(row) for row in rows if row["group"] == "MS"),
    }


def decisions(config: Mapping[str, Any], methods: list[str]) -> list[str]:
    """List the settings of a run that are our choice and not the paper's, as clauses.

    Parameters
    ----------
    config : dict, the configuration in force
    methods : names of the methods fitted
    """
    training = config["training"]
    adversarial = any(NETWORK_METHODS[name].adversarial for name in methods if name in NETWORK_METHODS)
    refined, weighted = "refiner" in methods, {"refiner", "unetroi"} & {*methods}
    chosen = {
        "widths, patches, crops, numbers of steps and the weights of the losses": adversarial,
        "batch normalisation in the generators": bool(methods),
        "the generator's adversarial loss is the non-saturating one": (
            adversarial and training["adversarial"] == "nonsaturating"
        ),
        "the region-weighted loss is the mean over the regions that a scan has, not their sum": any(
            training[name]["reduction"] == "mean_present" for name in weighted
        ),
        "the refiner predicts a correction of the sketch": refined and training["refiner"]["residual"],
        "some crops are centred on lesions": any(training[name]["lesion_crops"] > 0 for name in weighted)
        and training["crop"] is not None,
        "crops are randomly mirrored left to right": training["flips"],
        "the learning rate falls along a cosine": training["schedule"] == "cosine",
        "predictions use a moving average of the weights": training["ema"] > 0,
        f"the first moment of Adam is {training['beta1']:g}": training["beta1"] != 0.9,
        "a predicted map is the mean of the predictions for the head and its mirror image": config[
            "prediction"
        ]["flips"],
        "maps of several sites are harmonised by their controls": training["harmonise"] == "controls",
        "a shell around lesions does not count as normal-appearing white matter": config["regions"][
            "perilesional_mm"
        ]
        > 0,
        "anatomy, registration, their quality control, regions, threshold and statistics": True,
    }
    listed = [words for words, holds in chosen.items() if holds]
    return [f"{words}{'.' if words == listed[-1] else ';'}" for words in listed]


def cited_references(text: str) -> str:
    """Return the BibTeX entries that a text cites, in the order of the file.

    Raises
    ------
    KeyError : the text cites a key that is missing from references.bib
    """
    entries = {match[1]: match[0] for match in _ENTRY.finditer(REFERENCES.read_text(encoding="utf-8"))}
    cited = {key: entries[key] for key in CITATION.findall(text)}
    return "\n".join(entry for key, entry in entries.items() if key in cited)


def counted(number: int, what: str) -> str:
    """Return a count with its noun, in the plural where needed.

    >>> counted(1, "scan"), counted(2, "scan")
    ('1 scan', '2 scans')
    """
    return f"{number} {what}{'s' * (number != 1)}"


def read_tables(paths: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Read the tables that `methods_text` needs, by name."""
    return {name: read_table(path) for name, path in paths.items()}


def _crops(training: Mapping[str, Any]) -> str:
    if training["crop"] is None:
        return "whole volumes"
    sides = " × ".join(map(str, training["crop"]))
    return f"random crops of {sides} voxels, {training['batch']} per step"


def _paragraphs(text: str) -> str:
    """Join the lines of each paragraph, because conditions in the template leave lines of uneven length."""
    blocks = re.split(r"\n{2,}", text.strip())
    joined = [
        block if block.startswith(("- ", "#")) else re.sub(r"\s+", " ", block) for block in blocks if block
    ]
    return "\n\n".join(joined) + "\n"
