"""config.yaml and the page of all settings, written from the configuration's schema."""

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

Every setting: its default, what it accepts and what it does. Write what differs from the defaults into a file of your
own and run `snakemake --cores 8 --configfile mine.yaml`. A wrong key or value is refused with its place and what is
expected there, all of them at once.
"""
PAGE_HEADER = ("| key | default | accepted | meaning |", "| --- | --- | --- | --- |")


def render_config(schema: Mapping[str, Any]) -> str:
    """The file config.yaml.

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
    """The file docs/configuration.md.

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
    """What a setting means, str: its description with the limits in place of ``{range}``."""
    return part["description"].replace("{range}", limits(part))


def limits(part: Mapping[str, Any]) -> str:
    """Smallest and largest accepted number, such as "0-1" or "above 0 to 1"; blank without any.

    Those of a list are its entries', those of a section its settings', where these agree.
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
    """Lines of a comment; an example in brackets stays on one of them."""
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
    """A value on one line of YAML, with double quotes where it needs any."""
    if isinstance(value, str) and (not value or yaml.safe_load(value) != value):
        return f'"{value}"'
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"))
    return text.removesuffix("...\n").rstrip("\n")


def _row(key: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A setting, or the heading of a section within a section, as a row of the page."""
    default = "" if is_section(part) else f"`{_as_yaml(part['default'])}`"
    allowed = "" if is_section(part) else accepted(_resolved(part, schema))
    cells = (f"`{key}`", default, _literal(allowed), _linked(_literal(sentence(part))))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _literal(text: str) -> str:
    """Text whose asterisks Markdown leaves alone."""
    return text.replace("*", "\\*")


def _linked(text: str) -> str:
    """Text of the page whose names of other pages are links."""
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of the schema with what it refers to under ``$defs``."""
    if "$ref" not in part:
        return part
    return schema["$defs"][part["$ref"].rpartition("/")[2]] | part
