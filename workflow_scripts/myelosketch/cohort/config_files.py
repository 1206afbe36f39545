"""Write config.yaml and the page of all settings from the configuration's schema."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from myelosketch.cohort.config import accepted

COMMAND = "make configuration"
WIDTH = 120  # characters of a line of config.yaml
WRITTEN = f"Written from rules/schemas/config.schema.yaml by {COMMAND}."
PAGE_START = """# Configuration

Every setting: its default, what it accepts and what it does. Write only the settings that you change into your own
file and run `snakemake --cores 8 --configfile mine.yaml`. The workflow refuses wrong keys and values. It lists all of
them at once, each with its place and what is expected there.
"""
PAGE_HEADER = ("| key | default | accepted | meaning |", "| --- | --- | --- | --- |")


def render_config(schema: Mapping[str, Any]) -> str:
    """Return the content of config.yaml.

    Parameters
    ----------
    schema : dict, the JSON schema of the configuration

    Returns
    -------
    str : every setting with its default under a comment, in the order of the schema
    """
    lines = [*_comment(schema["description"], ""), f"# {WRITTEN}"]
    for name, part in schema["properties"].items():
        lines += ["", *_config_lines(name, part, "")]
    return "\n".join(lines) + "\n"


def render_page(schema: Mapping[str, Any]) -> str:
    """Return the content of docs/configuration.md.

    Parameters
    ----------
    schema : dict, the JSON schema of the configuration

    Returns
    -------
    str : Markdown, a table of the settings for each top-level key
    """
    lines = [PAGE_START, f"<!-- {WRITTEN} -->"]
    for name, part in schema["properties"].items():
        lines += ["", f"## {name}", ""]
        if is_section(part):
            lines += [_linked(_literal(sentence(part))), ""]
        lines += [*PAGE_HEADER, *(_row(key, inner, schema) for key, inner in settings(name, part))]
    return "\n".join(lines) + "\n"


def is_section(part: Mapping[str, Any]) -> bool:
    """Return whether a part of the schema is a section of settings, which have defaults of their own."""
    inner = part.get("properties", {}).values() if part.get("type") == "object" else ()
    return any("default" in below for below in inner)


def settings(name: str, part: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(dotted key, part of the schema) of the settings at a top-level key, and of the sections within it."""
    if not is_section(part):
        yield name, part
        return
    for inner, below in part["properties"].items():
        key = f"{name}.{inner}"
        if is_section(below):
            yield key, below
        yield from settings(key, below)


def sentence(part: Mapping[str, Any]) -> str:
    """Return the meaning of a setting, str: its description, with the limits for ``{range}``."""
    return part["description"].replace("{range}", limits(part))


def limits(part: Mapping[str, Any]) -> str:
    """Return the smallest and largest accepted number, such as "0-1" or "above 0 to 1"; blank if there are none.

    The limits of a list are those of its entries. The limits of a section are those of its settings, if they agree.
    """
    if "anyOf" in part:
        return next(filter(None, map(limits, part["anyOf"])), "")
    if is_section(part):
        found = {limits(below) for below in part["properties"].values()}
        return found.pop() if len(found) == 1 else ""
    if "items" in part:
        return limits(part["items"])
    low, high = part.get("minimum"), part.get("maximum")
    start = _number(low) or _number(part.get("exclusiveMinimum"), "above ")
    end = _number(high) or _number(part.get("exclusiveMaximum"), "below ")
    if start and end:
        return f"{start}-{end}" if low is not None and low >= 0 and high is not None else f"{start} to {end}"
    return _number(low, "at least ") or _number(high, "at most ") or start or end


def _number(value: float | None, word: str = "") -> str:
    if value is None:
        return ""
    return f"{word}{int(value) if value == int(value) else value}"


def _config_lines(name: str, part: Mapping[str, Any], indent: str) -> list[str]:
    lines = ["", *_comment(part["$comment"], ""), ""] if "$comment" in part else []
    lines += _comment(sentence(part), indent)
    default = part["default"]
    if is_section(part):
        lines.append(f"{indent}{name}:")
        for inner, below in part["properties"].items():
            lines += _config_lines(inner, below, f"{indent}  ")
    elif default and isinstance(default, dict):
        lines += [f"{indent}{name}:", *(f"{indent}  {key}: {_as_yaml(default[key])}" for key in default)]
    else:
        lines.append(f"{indent}{name}: {_as_yaml(default)}")
    return lines


def _comment(text: str, indent: str) -> list[str]:
    """Return the lines of a comment; an example in brackets is never split between lines."""
    start = f"{indent}# "
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False, break_on_hyphens=False
    )
    lines = []
    for line in text.splitlines():
        whole = re.sub(r"\{.*\}|\[[^]]*\]", lambda example: example[0].replace(" ", "\0"), line)
        lines += [wrapped.replace("\0", " ") for wrapped in wrapper.wrap(whole)]
    return lines


def _as_yaml(value: Any) -> str:
    """Return a value on one line of YAML, with double quotes if needed."""
    if isinstance(value, str) and (not value or yaml.safe_load(value) != value):
        return f'"{value}"'
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"))
    return text.removesuffix("...\n").rstrip("\n")


def _row(key: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return a setting, or the heading of a section within a section, as a row of the page."""
    default = "" if is_section(part) else f"`{_as_yaml(part['default'])}`"
    allowed = "" if is_section(part) else accepted(_resolved(part, schema))
    cells = (f"`{key}`", default, _literal(allowed), _linked(_literal(sentence(part))))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _literal(text: str) -> str:
    """Return text with asterisks escaped for Markdown."""
    return text.replace("*", "\\*")


def _linked(text: str) -> str:
    """Return text of the page in which names of other pages are links."""
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a part of the schema with its reference to ``$defs`` resolved."""
    if "$ref" not in part:
        return part
    return schema["$defs"][part["$ref"].rpartition("/")[2]] | part
