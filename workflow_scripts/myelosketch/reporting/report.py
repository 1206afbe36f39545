"""The report: one HTML file that needs no network, in the order in which a reader asks."""

import base64
from pathlib import Path

import yaml

from myelosketch.provenance import write_text
from myelosketch.reporting import claims_tables, cohort_tables, lesion_tables, report_tables
from myelosketch.reporting.captions import render_caption
from myelosketch.reporting.catalogue import FIGURES, SECTIONS
from myelosketch.reporting.display import cohort_words
from myelosketch.reporting.findings import cohort_sentences, findings
from myelosketch.reporting.pages import render
from myelosketch.reporting.threshold_table import threshold_table

TEMPLATE = "report.html.j2"
# pages that stand on their own, linked where they were made
PAGES = ("cohort/intake.html", "registration/qc.html")
REASONS = {
    "registration_error": "the true pose of measured images is not known",
    "sites": "the cohort has no external site",
}


def write_report(html, *, root, captions, provenance, facts):
    """Write the report of a run from its tables and figures; whatever is missing is said in a sentence.

    Parameters
    ----------
    html : path to write
    root : results folder (cohort/, registration/, evaluation/, figures/, patients/, training/)
    captions : folder of the captions, <figure>.rst
    provenance : dict, what the run was made with, as in provenance.json (run_provenance.py)
    facts : dict, what captions and titles state: simulated (bool), n_patients, n_controls, n_folds (int),
        method (shown in the figures), method_name, k, alpha (float), example_patient, agreement_colours,
        min_lesion_mm3, in_force (dict, the value of each setting of the sensitivity, such as reference)
    """
    content = report_content(root, captions=captions, provenance=provenance, facts=facts)
    write_text(html, render(TEMPLATE, **content))


def report_content(root, *, captions, provenance, facts):
    """Everything the template shows, as text, tables and embedded images; see :func:`write_report`."""
    k, method = facts["k"], facts["method"]
    shown = {section: [] for section in SECTIONS}
    for figure in FIGURES:
        shown[figure.section].append(_embedded(figure, root, captions, facts))
    flair = cohort_tables.flair_scans(root)
    return {
        "facts": facts,
        "cohort_words": cohort_words(facts["simulated"]),
        "flair": flair,
        "pages": [name for name in PAGES if (Path(root) / name).is_file()],
        "findings": findings(root, method=method, k=k),
        "glance": report_tables.glance_table(root, k=k),
        "cohort_sentences": cohort_sentences(root, flair=flair),
        "cohort_tables": [cohort_tables.fold_table(root), cohort_tables.excluded_table(root)],
        "registration_tables": _registration_tables(root, simulated=facts["simulated"]),
        "ladder_tables": [
            report_tables.demyelination_table(root, k=k),
            report_tables.comparison_table(root, method=method),
            report_tables.rank_table(root),
        ],
        "external": report_tables.external_table(root, k=k),
        "claims_tables": [
            claims_tables.claims_table(root),
            claims_tables.evidence_table(root),
            claims_tables.tests_table(root),
        ],
        "patient_tables": _patient_tables(root, method=method, k=k, flair=flair),
        "lesion_tables": [
            lesion_tables.lesion_agreement_table(root),
            lesion_tables.strata_table(root, method=method),
            lesion_tables.patient_agreement_table(root),
        ],
        "sensitivity_tables": lesion_tables.sensitivity_tables(root, method=method),
        "threshold": threshold_table(root, k=k, reference=facts["in_force"]["reference"]),
        "figures": shown,
        "config_text": yaml.safe_dump(provenance["config"], sort_keys=False, allow_unicode=True),
        "software": list(provenance["software"].items()),
        "seed": provenance["seed"],
        "commit": provenance["commit"],
    }


def _registration_tables(root, *, simulated):
    tables = [cohort_tables.quality_table(root)]
    if not tables[0].missing:
        tables.append(cohort_tables.worst_table(root))
    if simulated:
        tables.append(cohort_tables.registration_table(root))
    return [*tables, cohort_tables.region_table(root)]


def _patient_tables(root, **options):
    tables = [lesion_tables.patient_table(root, **options)]
    if (Path(root) / "evaluation/external/demyelination.tsv").is_file():
        external = lesion_tables.patient_table(root, folder="evaluation/external", **options)
        tables.append(external._replace(title=f"At external sites: {external.title}"))
    return tables


def _embedded(figure, root, captions, facts):
    """A figure as data URI with its caption, or the sentence that it was not made."""
    path = Path(root) / "figures" / f"{figure.name}.png"
    shown = {"name": figure.name, "heading": figure.heading, "alt": figure.alt, "image": None}
    if not path.is_file():
        because = f", because {REASONS[figure.name]}" if figure.name in REASONS else ""
        return shown | {"missing": f"Not shown: this figure is not part of this run{because}."}
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    width, height = _png_size(path)
    caption = render_caption(Path(captions) / f"{figure.name}.rst", params=facts)
    return shown | {
        "image": f"data:image/png;base64,{encoded}", "width": width, "height": height, "caption": caption,
    }  # fmt: skip


def _png_size(path):
    """Width and height of a PNG, from its first chunk."""
    head = path.read_bytes()[16:24]
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
