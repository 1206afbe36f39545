"""Check the configuration against its schema and report every problem at once, each in one line."""

import copy
import datetime
import difflib
import functools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from myelosketch.errors import InputError

_TYPE_NAMES = {
    "object": "a section of keys",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
}
# values that may each be valid and still contradict each other: the first must not exceed the second, or must be
# below it
_AT_MOST = (("lesions.flair.grow_sd", "lesions.flair.seed_sd"),)
_RISING = ("maps.early_window_min",)
# sections of studies, which have a configuration file of their own
_STUDIES = ("ablations", "calibration", "ladder", "pretraining")
# settings of the evaluation that change the scores of a scan; others, such as alpha, change only what gathers scores
SCORE_SETTINGS = (
    *("k", "ks", "dvr_range", "min_lesion_mm3", "reference", "sensitivity"),
    *("lesion_sizes_mm3", "periventricular_mm", "juxtacortical_mm"),
)
# what matches each pattern of the schemas: a message shows this, never the regular expression
EXAMPLES = {
    "^sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?$": "sub-07 or sub-07_ses-02",
    "^(sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?)?$": "sub-07 or sub-07_ses-02, or nothing",
    "^(all|sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?)$": "all, sub-07 or sub-07_ses-02",
    "^[A-Za-z0-9]+$": "B2 (only letters and digits)",
    "^[A-Za-z][A-Za-z0-9_]*$": "no_flips (only letters, digits and _, and a letter first)",
    "^[a-z][a-z0-9_]*$": "other_scanner (only small letters, digits and _, and a letter first)",
    "^[A-Za-z_]+[.A-Za-z0-9_]*$": "pet.noise_sd (only letters, digits, _ and full stops)",
}
_FOUND_NAMES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
# types that YAML gives a value, and that no key accepts
_OTHER_NAMES = {
    datetime.date: "a date",
    datetime.datetime: "a time",
    set: "a set",
    tuple: "a tuple",
    bytes: "binary data",
}


def check_config(config: Mapping[str, Any], schema_path: str | Path) -> None:
    """Compare a configuration with its JSON schema and report all problems.

    Parameters
    ----------
    config : dict, as merged by Snakemake
    schema_path : path of the YAML schema

    Raises
    ------
    InputError : one line per problem: key path, what was found, what is expected, nearest valid key for a typo
    """
    problems = config_problems(config, read_schema(schema_path))
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InputError(f"The configuration has {count}:\n{lines}\nconfig.yaml explains every key.")


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of settings in which others replace values, at any depth."""
    result = copy.deepcopy(dict(below))
    for key, value in above.items():
        deeper = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = overlaid(result[key], value) if deeper else copy.deepcopy(value)
    return result


@functools.cache  # every ablation is checked too
def read_schema(path: str | Path) -> dict[str, Any]:
    """Return the JSON schema in a YAML file, dict."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def config_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return a list of sentences, one per problem, sorted by key path (see ``check_config``)."""
    validator = jsonschema.Draft202012Validator(schema)
    problems = []
    for error in sorted(validator.iter_errors(config), key=lambda item: list(map(str, item.absolute_path))):
        problems.extend(_sentences(error))
    known = {problem.split(": ")[0] for problem in problems}
    problems += [problem for problem in _not_finite(config) if problem.split(": ")[0] not in known]
    return list(dict.fromkeys([*problems, *_out_of_order(config, schema)]))


def _not_finite(value: Any, key: str = "") -> list[str]:
    """Return one sentence for each number that is not finite: no limit of the schema refuses nan."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return [problem for name, part in parts for problem in _not_finite(part, _join(key, name))]
    if isinstance(value, float) and not math.isfinite(value):
        return [f"{key}: found {value} (a number), expected a finite number"]
    return []


def _out_of_order(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each pair of numbers in the wrong order, unless the schema refuses them anyway."""
    problems = []
    for key, limit in _AT_MOST:
        value, most = _number(config, schema, key), _number(config, schema, limit)
        if value is not None and most is not None and value > most:
            problems.append(f"{key}: found {value:g}, expected at most {limit} ({most:g})")
    for key in _RISING:
        values = _at(config, schema, key)
        given = values if isinstance(values, list) else []
        numbers = [number for number in map(_as_number, given) if number is not None]
        if len(given) == len(numbers) == 2 and not numbers[0] < numbers[1]:
            shown = ", ".join(f"{number:g}" for number in numbers)
            problems.append(f"{key}: found [{shown}], expected the first number below the last one")
    return problems


def _at(config: Any, schema: Mapping[str, Any], key: str) -> Any:
    """Return the value of a configuration at a dotted key, or its default; None if a section is not one."""
    for name in key.split("."):
        schema = schema.get("properties", {}).get(name, {})  # a study has its own sections
        config = config.get(name, schema.get("default")) if isinstance(config, dict) else None
    return config


def _number(config: Mapping[str, Any], schema: Mapping[str, Any], key: str) -> float | None:
    return _as_number(_at(config, schema, key))


def _as_number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sentences(error: jsonschema.ValidationError) -> list[str]:
    key = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        return [
            _unknown_key(key, name, error)
            for name in error.instance
            if name not in error.schema["properties"] and not _fits_a_pattern(name, error.schema)
        ]
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return [f"{_join(key, name)}: missing; expected {_expected(error.schema, name)}" for name in missing]
    expected = {
        "type": lambda: _types(error.validator_value),
        "enum": lambda: "one of " + ", ".join(map(_show, error.validator_value)),
        "const": lambda: _show(error.validator_value),
        "minimum": lambda: f"at least {error.validator_value}",
        "exclusiveMinimum": lambda: f"more than {error.validator_value}",
        "maximum": lambda: f"at most {error.validator_value}",
        "exclusiveMaximum": lambda: f"less than {error.validator_value}",
        "minItems": lambda: f"at least {error.validator_value} entries",
        "maxItems": lambda: f"at most {error.validator_value} entries",
        "minLength": lambda: "text that is not empty",
        "multipleOf": lambda: f"a multiple of {error.validator_value}",
        "uniqueItems": lambda: "no entry twice",
        "pattern": lambda: f"text like {_example(error.validator_value)}",
        "anyOf": lambda: accepted({"anyOf": error.validator_value}),
    }.get(error.validator, lambda: error.message)()
    hint = _hint(error.instance, expected)
    return [f"{key or 'the configuration'}: found {_found(error.instance)}, expected {expected}{hint}"]


def _hint(value: Any, expected: str) -> str:
    """Return how to write a value that YAML read as another type than expected; blank for any other value."""
    if isinstance(value, bool) and expected.startswith("text"):
        return " (write it in quotation marks: YAML reads yes, no, on and off as true or false)"
    if (type(value) in _OTHER_NAMES or isinstance(value, int | float)) and expected.startswith("text"):
        return " (write it in quotation marks)"
    if isinstance(value, str) and "number" in expected and _reads_as_number(value):
        return " (write it without quotation marks, 1.0e-3 for 1e-3, in a file: --config gives text)"
    return ""


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _unknown_key(parent: str, name: object, error: jsonschema.ValidationError) -> str:
    if not parent and name in _STUDIES:
        return f"{name}: belongs to the study studies/{name}; move it to a file for that study (see its README.md)"
    sentence = f"{_join(parent, name)}: unknown key"
    if isinstance(name, bool):
        sentence += " (YAML reads yes, no, on and off as True or False)"
    near = difflib.get_close_matches(str(name), error.schema["properties"], n=1, cutoff=0.6)
    if near:
        return f"{sentence}; did you mean {_join(parent, near[0])}?"
    if "patternProperties" in error.schema:
        return (
            f"{sentence}; expected a key like {' or '.join(map(_example, error.schema['patternProperties']))}"
        )
    return f"{sentence}; valid here: {', '.join(sorted(error.schema['properties']))}"


def _fits_a_pattern(name: object, schema: Mapping[str, Any]) -> bool:
    return any(re.search(pattern, str(name)) for pattern in schema.get("patternProperties", ()))


def _expected(schema: Mapping[str, Any], name: str) -> str:
    return _types(schema["properties"].get(name, {}).get("type", "a value"))


def accepted(schema: Mapping[str, Any]) -> str:
    """Return what a part of the schema accepts, in words."""
    if "anyOf" in schema:
        return " or ".join(map(accepted, schema["anyOf"]))
    if "enum" in schema:
        return "one of " + ", ".join(map(_show, schema["enum"]))
    words = _types(schema["type"])
    if "pattern" in schema:
        words = f"text like {_example(schema['pattern'])}"
    elif schema["type"] == "array" and "items" in schema:
        words = f"a list of {_count(schema)}entries, each {accepted(schema['items'])}"
    elif "patternProperties" in schema:
        words += "".join(
            f" like {_example(pattern)}, each {accepted(part)}"
            for pattern, part in schema["patternProperties"].items()
        )
    elif "properties" in schema:
        words += ": " + ", ".join(name + _limits(part) for name, part in schema["properties"].items())
    elif isinstance(schema.get("additionalProperties"), Mapping):
        words += f", each {accepted(schema['additionalProperties'])}"
    return words + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    """Return the limits of a number, in brackets after a space; blank if it has none."""
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    return f" ({' and '.join(limits)})" if limits else ""


def _example(pattern: str) -> str:
    return EXAMPLES.get(pattern, pattern)


def _count(schema: Mapping[str, Any]) -> str:
    """Return the number of entries of a list, as a word before "entries"; blank if any number is valid."""
    fewest, most = schema.get("minItems", 0), schema.get("maxItems")
    if fewest == most:
        return f"{fewest} "
    return f"at least {fewest} " if fewest > 1 else ""


def _types(names: str | Sequence[str]) -> str:
    names = [names] if isinstance(names, str) else names
    return " or ".join(_TYPE_NAMES.get(name, name) for name in names)


def _found(value: Any) -> str:
    if isinstance(value, Mapping | list) or value is None:
        return _TYPE_NAMES[_FOUND_NAMES.get(type(value), "object")]
    if isinstance(value, datetime.date):
        return f"{value} ({_OTHER_NAMES[type(value)]})"
    words = _OTHER_NAMES.get(type(value)) or _TYPE_NAMES.get(_FOUND_NAMES.get(type(value), ""))
    return f"{_show(value)} ({words or type(value).__name__})"


def _show(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def _join(parent: str, name: object) -> str:
    return f"{parent}.{name}" if parent else str(name)
