"""The report: one HTML file that needs no network, in the order of a reader's questions."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from myelosketch.io.provenance import write_text
from myelosketch.reporting.display import cohort_words
from myelosketch.reporting.figures.catalogue import FIGURES, SECTIONS, Figure
from myelosketch.reporting.figures.findings import finding
from myelosketch.reporting.pages.captions import render_caption
from myelosketch.reporting.pages.findings import cohort_sentences, findings
from myelosketch.reporting.pages.glossary import link_terms, read_glossary, used_terms
from myelosketch.reporting.pages.read_first import read_first
from myelosketch.reporting.pages.rendering import render
from myelosketch.reporting.tables import claims as claims_tables
from myelosketch.reporting.tables import cohort as cohort_tables
from myelosketch.reporting.tables import lesions as lesion_tables
from myelosketch.reporting.tables import methods as report_tables
from myelosketch.reporting.tables.contrasts import contrast_table
from myelosketch.reporting.tables.coverage import coverage_table
from myelosketch.reporting.tables.own_regions import own_region_tables
from myelosketch.reporting.tables.people import people_table
from myelosketch.reporting.tables.thresholds import threshold_table

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder
    from myelosketch.reporting.tables.text import HtmlTable

TEMPLATE = "report.html.j2"
PX_PER_INCH = 140  # of a figure in the page; a figure of two printed columns fills the page
WORST = 10  # lesions in the table of the largest disagreements
# pages that the report links to, if the run made them
PAGES = ("cohort/intake.html", "registration/qc.html")


def write_report(
    html: str | Path,
    run: RunFolder,
    *,
    captions: str | Path,
    glossary: str | Path,
    provenance: Mapping[str, Any],
    facts: Mapping[str, Any],
    methods: str,
) -> None:
    """Write the report of a run from its tables and figures. A sentence replaces each part that is missing.

    Parameters
    ----------
    html : path to write
    run : RunFiles or RunFolder
    captions : path of the captions, figures.rst
    glossary : path of docs/glossary.md, whose entries the report holds as far as it uses their terms
    provenance : dict, what the run was made with, as in provenance.json (run_provenance.py)
    facts : dict of what captions and titles state: simulated (bool), world (str), n_patients, n_controls, n_folds
        (int), method (shown in the figures), method_name, k, alpha (float), example_patient, agreement_colours,
        min_lesion_mm3, in_force (dict, the value of each setting of the sensitivity, such as reference), adjust_for,
        relate_to (lists of columns)
    methods : text of the methods section (methods.md)
    """
    content = report_content(run, captions=captions, provenance=provenance, facts=facts)
    terms = read_glossary(glossary)
    write_text(
        html,
        render(
            TEMPLATE, **content, methods_text=methods,
            link_terms=lambda part: link_terms(part, terms), used_terms=lambda part: used_terms(part, terms),
        ),
    )  # fmt: skip


def report_content(
    run: RunFolder, *, captions: str | Path, provenance: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all that the template shows: text, tables and embedded images; see :func:`write_report`."""
    k = facts["k"]
    shown: dict[str, list[dict[str, Any]]] = {section: [] for section in SECTIONS}
    for name, figure in FIGURES.items():
        shown[figure.section].append(_embedded(name, figure, run, captions, facts))
    flair = cohort_tables.flair_scans(run)
    return {
        "facts": facts,
        "cohort_words": cohort_words(facts["simulated"], facts["world"]),
        "flair": flair,
        "pages": [name for name in PAGES if run.path(name).is_file()],
        "read_first": read_first(run, facts),
        "findings": findings(run, k=k, alpha=facts["alpha"]),
        "glance": report_tables.glance_table(run, k=k),
        "cohort_sentences": cohort_sentences(run, flair=flair),
        "views": _tables(run, facts, flair),
        "figure_sections": list(SECTIONS.items()),
        "figures": shown,
        "config_text": yaml.safe_dump(provenance["config"], sort_keys=False, allow_unicode=True),
        "software": list(provenance["software"].items()),
        "seed": provenance["seed"],
        "commit": provenance["commit"],
    }


def _tables(run: RunFolder, facts: Mapping[str, Any], flair: Collection[str]) -> dict[str, list[HtmlTable]]:
    """Return the tables of each section of the report, in order."""
    k, method = facts["k"], facts["method"]
    external = report_tables.external_table(run, k=k)
    return {
        "cohort": [
            people_table(run),
            cohort_tables.fold_table(run),
            cohort_tables.excluded_table(run),
        ],
        "examples": [],
        "agreement": [
            lesion_tables.patient_agreement_table(run),
            *own_region_tables(run, method=method),
            coverage_table(run, method=method),
        ],
        "demyelination": [
            *_patient_tables(run, method=method, k=k, flair=flair),
            report_tables.demyelination_table(run, k=k),
        ],
        "lesions": [
            lesion_tables.disagreement_table(run, method=method, most=WORST),
            lesion_tables.lesion_agreement_table(run),
            lesion_tables.strata_table(run, method=method),
            lesion_tables.disagreement_table(run, method=method),
        ],
        "comparisons": [
            report_tables.comparison_table(run, method=method),
            report_tables.rank_table(run),
            *([external] if external else []),
        ],
        "claims": [
            claims_tables.claims_table(run),
            claims_tables.evidence_table(run),
            claims_tables.tests_table(run),
            contrast_table(run, **{key: facts[key] for key in ("adjust_for", "relate_to")}),
        ],
        "sensitivity": lesion_tables.sensitivity_tables(run, method=method),
        "quality": _registration_tables(run, simulated=facts["simulated"]),
        "methods": [threshold_table(run, k=k, reference=facts["in_force"]["reference"])],
    }


def _registration_tables(run: RunFolder, *, simulated: bool) -> list[HtmlTable]:
    tables = [cohort_tables.quality_table(run)]
    if not tables[0].missing:
        tables.append(cohort_tables.worst_table(run))
    if simulated:
        tables.append(cohort_tables.registration_table(run))
    return [*tables, cohort_tables.region_table(run)]


def _patient_tables(run: RunFolder, **options: Any) -> list[HtmlTable]:
    tables = [lesion_tables.patient_table(run, **options)]
    if run.path("evaluation/external/demyelination.tsv").is_file():
        external = lesion_tables.patient_table(run, folder="evaluation/external", **options)
        tables.append(external._replace(title=f"At external sites: {external.title}"))
    return tables


def _embedded(
    name: str, figure: Figure, run: RunFolder, captions: str | Path, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a figure as data URI with its finding and caption, or a sentence if the run did not make it."""
    path = run.path(f"figures/{name}.png")
    shown: dict[str, Any] = {
        "name": name,
        "heading": figure.heading,
        "alt": figure.alt,
        "image": None,
        "finding": "",
    }
    if not path.is_file():
        needs = f"; it needs {figure.needs}" if figure.needs else ""
        return shown | {"missing": f"Not shown: this figure is not part of this run{needs}."}
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    caption = render_caption(captions, figure=name, facts=facts)
    shown["finding"] = finding(figure.finding, run.path(f"figures/{name}.tsv"), facts)
    size = dict(zip(("width", "height"), _page_size(path), strict=True))
    return shown | {"image": f"data:image/png;base64,{encoded}", "caption": caption} | size


def _page_size(path: Path) -> tuple[int, int]:
    """Return width and height of a PNG in the page in CSS pixels, in proportion to its size in print."""
    from PIL import Image

    with Image.open(path) as image:
        return tuple(round(side / image.info["dpi"][0] * PX_PER_INCH) for side in image.size)
