"""The report: one HTML file that needs no network, in the order in which a reader asks."""

import base64
import contextlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from myelosketch.provenance import software_versions, write_text
from myelosketch.reporting import report_tables as tables
from myelosketch.reporting.captions import render_caption
from myelosketch.reporting.catalogue import FIGURES
from myelosketch.reporting.display import cohort_words
from myelosketch.reporting.findings import findings

TEMPLATE = "report.html.j2"


def write_report(html, *, root, captions, config, facts):
    """Write the report of a run from its tables and figures; whatever is missing is said in a sentence.

    Parameters
    ----------
    html : path to write
    root : results folder (cohort/, evaluation/, figures/, training/)
    captions : folder of the captions, <figure>.rst
    config : dict, the configuration in force
    facts : dict, what captions and titles state: simulated (bool), n_patients, n_controls, n_folds (int),
        method (shown in the figures), method_name, k, alpha (float), example_patient, agreement_colours,
        min_lesion_mm3
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    content = report_content(root, captions=captions, config=config, facts=facts)
    write_text(html, environment.get_template(TEMPLATE).render(**content))


def report_content(root, *, captions, config, facts):
    """Everything the template shows, as text, tables and embedded images; see :func:`write_report`."""
    k, method = facts["k"], facts["method"]
    shown = {}
    for figure in FIGURES:
        shown.setdefault(figure.section, []).append(_embedded(figure, root, captions, config, facts))
    return {
        "facts": facts,
        "cohort_words": cohort_words(facts["simulated"]),
        "findings": findings(root, method=method, k=k),
        "glance": tables.glance_table(root, k=k),
        "external": tables.external_table(root, k=k),
        "cohort_tables": [tables.fold_table(root), tables.excluded_table(root)],
        "registration_tables": [tables.registration_table(root), tables.region_table(root)],
        "claims_tables": [tables.claims_table(root), tables.evidence_table(root), tables.tests_table(root)],
        "lesion_tables": [tables.threshold_table(root, k=k), tables.patient_table(root, method=method, k=k)],
        "time_table": tables.time_table(root),
        "figures": shown,
        "config_text": yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True),
        "software": [(name, number) for name, number in _software().items()],
        "seed": config.get("seed", "not given"),
        "commit": git_commit(),
    }


def git_commit(folder=None):
    """Commit of the workflow's repository, and whether files differ from it; None outside a repository."""
    folder = Path(folder or Path(__file__).parent)
    command = [
        "git",
        "-C",
        str(folder),
        "describe",
        "--always",
        "--dirty=, with uncommitted changes",
        "--abbrev=40",
    ]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def _embedded(figure, root, captions, config, facts):
    """A figure as data URI with its caption, or the sentence that it was not made."""
    path = Path(root) / "figures" / f"{figure.name}.png"
    shown = {"name": figure.name, "heading": figure.heading, "alt": figure.alt, "image": None}
    if not path.is_file():
        reason = "Not shown: this figure is not part of this run"
        if figure.name == "registration_error" and not facts["simulated"]:
            reason += ", because the true pose of measured images is not known"
        return shown | {"missing": f"{reason}."}
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    width, height = _png_size(path)
    caption = render_caption(Path(captions) / f"{figure.name}.rst", config=config, params=facts)
    return shown | {
        "image": f"data:image/png;base64,{encoded}", "width": width, "height": height, "caption": caption,
    }  # fmt: skip


def _png_size(path):
    """Width and height of a PNG, from its first chunk."""
    head = path.read_bytes()[16:24]
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")


def _software():
    """Python, Snakemake and the packages that can change a number."""
    found = {"python": platform.python_version()}
    with contextlib.suppress(PackageNotFoundError):  # the environment of these rules need not hold it
        found["snakemake"] = version("snakemake")
    return found | software_versions()


def _plain(value):
    """The configuration as plain Python, for YAML."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
