"""The captions of the figures (rules/captions/figures.rst), which Snakemake's own report uses too."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from myelosketch.errors import InputError


def render_caption(path: str | Path, *, figure: str, facts: Mapping[str, Any]) -> str:
    """Return the HTML of a caption (reStructuredText with jinja, as in Snakemake's report).

    Parameters
    ----------
    path : .rst
    figure : name of the figure, ``snakemake.wildcards.figure`` in the text
    facts : dict of values for the text, ``snakemake.params.facts`` in it

    Returns
    -------
    str, HTML; the values are escaped

    Raises
    ------
    InputError : the caption uses an unknown value, or is not valid reStructuredText
    """
    # imported here: slow, and only the report needs them
    from docutils.core import publish_parts
    from docutils.utils import SystemMessage
    from jinja2 import Environment, StrictUndefined, TemplateError

    path = Path(path)
    job = SimpleNamespace(wildcards=SimpleNamespace(figure=figure), params=SimpleNamespace(facts=facts))
    settings = {"file_insertion_enabled": False, "raw_enabled": False, "halt_level": 2, "report_level": 5}
    try:
        environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
        text = environment.from_string(path.read_text(encoding="utf-8")).render(snakemake=job)
        return publish_parts(text, writer_name="html5", settings_overrides=settings)["body"]
    except (TemplateError, SystemMessage) as error:
        raise InputError(
            f"The caption of {figure} in {path.name} cannot be rendered ({error}): correct its text."
        ) from error
