"""Web pages from their templates: one environment, in which a cell's interval never breaks over two lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

# in a sentence a colon follows the brackets: there it stays as it is
_INTERVAL = re.compile(r"\(([^()]+ to [^()]+|interval n/a)\)(?!:)")

# what a page may fetch, run and send: nothing; its styles and pictures are within it
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(template: str, **content: Any) -> str:
    """HTML of a template of this folder.

    Parameters
    ----------
    template : file name
    content : what the template shows; everything is escaped

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
    """Text of a cell, with its interval in one piece."""
    from markupsafe import Markup, escape

    return Markup(_INTERVAL.sub(r'<span class="interval">(\1)</span>', str(escape(text))))
