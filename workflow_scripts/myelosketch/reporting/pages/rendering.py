"""Web pages from their templates. An interval in a table stays on one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

# not in a sentence, where a colon follows the brackets
_INTERVAL = re.compile(r"\(([^()]+ to [^()]+|interval n/a)\)(?!:)")

# a page may fetch, run and send nothing; its styles and pictures are inside it
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(template: str, **content: Any) -> str:
    """Return the HTML of a template of this folder.

    Parameters
    ----------
    template : file name
    content : values for the template; all are escaped

    Returns
    -------
    str
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["cell"] = cell
    environment.globals["policy"] = POLICY
    return environment.get_template(template).render(**content)


def cell(text: str) -> Markup:
    """Return the text of a cell as HTML that keeps its interval on one line."""
    from markupsafe import Markup, escape

    return Markup(_INTERVAL.sub(r'<span class="interval">(\1)</span>', str(escape(text))))
