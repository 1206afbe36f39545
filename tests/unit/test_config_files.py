"""config.yaml, the page of settings and the library's own defaults agree with the schema."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from snakemake.utils import validate

from myelosketch.cohort import config_files
from myelosketch.cohort.config import accepted
from myelosketch.simulation.physics import Physics
from myelosketch.simulation.settings import BOUNDS, CHOICES, DEFAULTS

ROOT = Path(__file__).parents[2]
SCHEMA_PATH = ROOT / "rules/schemas/config.schema.yaml"
SCHEMA = yaml.safe_load(SCHEMA_PATH.read_text())
CONFIG = (ROOT / "config.yaml").read_text()


def parts(schema, above=""):
    """(dotted key, part of the schema) of every setting and section."""
    for name, part in schema["properties"].items():
        yield f"{above}{name}", part
        if config_files.is_section(part):
            yield from parts(part, f"{above}{name}.")


PARTS = dict(parts(SCHEMA))
# of the simulated cohort, not of a participant
OF_THE_COHORT = ("simulation.external.", "simulation.with_pet")
SETTINGS = {key: part for key, part in PARTS.items() if not config_files.is_section(part)}


@pytest.mark.parametrize(
    ("name", "render"),
    [("config.yaml", config_files.render_config), ("docs/configuration.md", config_files.render_page)],
)
def test_the_written_files_are_those_of_the_schema(name, render):
    assert (ROOT / name).read_bytes() == render(SCHEMA).encode(), (
        f"{name} is not what rules/schemas/config.schema.yaml says: run {config_files.COMMAND}"
    )


def test_make_has_the_command():
    target = config_files.COMMAND.removeprefix("make ")
    assert (
        f"\n{target}: $(READY)\n\tpython workflow_scripts/write_{target}.py\n"
        in (ROOT / "Makefile").read_text()
    )


@pytest.mark.parametrize("given", [{}, {"simulation": {"pet": {"noise_sd": 0.12}}, "lesions": {"flair": {}}}])
def test_what_a_configuration_does_not_say_is_taken_from_the_schema(given):
    validate(given, str(SCHEMA_PATH))
    assert given == yaml.safe_load(CONFIG)


@pytest.mark.parametrize("key", PARTS)
def test_every_setting_has_its_default_and_a_sentence_without_its_limits(key):
    part = PARTS[key]
    assert "default" in part
    assert part["description"].endswith((".", "..."))
    limits = config_files.limits(part)
    assert limits or "{range}" not in part["description"]
    assert not limits or limits not in part["description"], "write {range}: limits stand once"


def test_what_own_data_need_comes_first():
    above, below = CONFIG.split("\n# Nothing below is needed for your own data")
    assert len(above.splitlines()) <= 75
    assert list(yaml.safe_load(above)) == ["seed", "pathvars", "cohort", "units", "folds", "lesions"]
    assert "simulation:" in below


@pytest.mark.parametrize(
    ("part", "limits"),
    [
        ({"minimum": 0, "maximum": 0.05}, "0-0.05"),
        ({"minimum": -1, "maximum": 3.0}, "-1 to 3"),
        ({"exclusiveMinimum": 0, "maximum": 1}, "above 0 to 1"),
        ({"minimum": 0, "exclusiveMaximum": 1}, "0 to below 1"),
        ({"minimum": 1000000}, "at least 1000000"),
        ({"maximum": 2}, "at most 2"),
        ({"exclusiveMinimum": 0}, "above 0"),
        ({"exclusiveMaximum": 0.5}, "below 0.5"),
        ({"type": "string"}, ""),
        ({"anyOf": [{"type": "null"}, {"minimum": 2}]}, "at least 2"),
        ({"type": "array", "items": {"minimum": 2}}, "at least 2"),
        (
            {"type": "object", "properties": {"a": {"minimum": 2, "default": 2}, "b": {"minimum": 2}}},
            "at least 2",
        ),
        ({"type": "object", "properties": {"a": {"minimum": 2, "default": 2}, "b": {"minimum": 3}}}, ""),
        ({"type": "object", "properties": {"a": {"minimum": 2}}}, ""),
    ],
)
def test_limits_as_text(part, limits):
    assert config_files.limits(part) == limits


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("cohort.exclude", "a list of entries, each text like sub-07 or sub-07_ses-02"),
        ("registration.sampling", "a number (more than 0 and at most 1)"),
        ("training.precision", "one of 'auto', 32, '32'"),
        ("training.generator.widths", "a list of at least 2 entries, each a whole number (at least 1)"),
        (
            "training.discriminator.patch",
            "a list of 3 entries, each a whole number (at least 16 and a multiple of 16)",
        ),
        ("training.refiner.cap", "a number (at least 1) or nothing"),
        (
            "registration.accept",
            "a section of keys like sub-07 or sub-07_ses-02, each a list of entries, each one of "
            "'pet', 'dwi', 'MTR', 'FLAIR', 'MNI152'",
        ),
    ],
)
def test_what_is_accepted_in_words(key, words):
    assert accepted(SETTINGS[key]) == words


def test_the_page_shows_what_a_reference_of_the_schema_accepts():
    page = (ROOT / "docs/configuration.md").read_text()
    assert "| `cohort.bids.filters` | `{}` | a section of keys: T1w, FLAIR, lesion_mask, " in page


def test_the_simulator_alone_has_the_same_defaults_and_limits():
    simulated = {
        key.removeprefix("simulation."): part
        for key, part in SETTINGS.items()
        if key.startswith("simulation.") and not key.startswith(OF_THE_COHORT)
    }
    config = yaml.safe_load(CONFIG)["simulation"]
    del config["external"], config["with_pet"]
    assert config == DEFAULTS
    coefficients = simulated.pop("physics")["properties"]
    assert list(coefficients) == [field.name for field in dataclasses.fields(Physics)]
    simulated |= {f"physics.{name}": part for name, part in coefficients.items()}
    for key, part in simulated.items():
        if "enum" in part:
            assert tuple(part["enum"]) == CHOICES[key]
            continue
        low, high = BOUNDS.get(key) or BOUNDS[key.rpartition(".")[0]]
        assert config_files.limits(part) == config_files.limits({"minimum": low, "maximum": high}), key
