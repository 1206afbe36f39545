"""The configuration: all problems in one message, with key path, value found, value expected and nearest key."""

import datetime
import re
from pathlib import Path

import pytest
import yaml

from myelosketch.cohort.config import EXAMPLES, check_config, config_problems
from myelosketch.errors import InputError

ROOT = Path(__file__).parents[2]
SCHEMA_PATH = ROOT / "rules/schemas/config.schema.yaml"
SCHEMA = yaml.safe_load(SCHEMA_PATH.read_text())
OVERLAYS = sorted((ROOT / "configs").glob("*.yaml"))
STUDIES = sorted((ROOT / "studies").glob("*/config.yaml"))


def default():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def merged(base, overlay):
    for key, value in overlay.items():
        base[key] = merged(base[key], value) if isinstance(value, dict) else value
    return base


def test_the_default_is_valid():
    assert config_problems(default(), SCHEMA) == []


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.name)
def test_overlays_are_valid(path):
    assert config_problems(merged(default(), yaml.safe_load(path.read_text())), SCHEMA) == []


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.parent.name)
def test_the_settings_of_a_study_are_valid_and_all_there(path):
    schema = yaml.safe_load(path.with_name("config.schema.yaml").read_text())
    settings = yaml.safe_load(path.read_text())
    assert config_problems(settings, schema) == []
    assert {name: set(section) for name, section in settings.items()} == {
        name: set(part["properties"]) for name, part in schema["properties"].items()
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sead": 1}, "sead: unknown key; did you mean seed?"),
        # how YAML reads dates, sets, binary data, on, 01, 1e0 and .nan
        (
            {"cohort": datetime.date(2018, 1, 1)},
            "cohort: found 2018-01-01 (a date), expected a section of keys",
        ),
        (
            {"cohort": {"table": datetime.datetime(2018, 1, 1, 12, 30)}},
            "cohort.table: found 2018-01-01 12:30:00 (a time), expected text (write it in quotation marks)",
        ),
        ({"cohort": {"a"}}, "cohort: found {'a'} (a set), expected a section of keys"),
        ({"seed": b"a"}, "seed: found b'a' (binary data), expected a whole number"),
        (
            {"cohort": {"exclude": [True]}},
            "cohort.exclude.0: found true (true or false), expected text (write it in quotation marks: YAML reads "
            "yes, no, on and off as true or false)",
        ),
        (
            {"cohort": {"exclude": [1]}},
            "cohort.exclude.0: found 1 (a whole number), expected text (write it in quotation marks)",
        ),
        (
            {"regions": {"perilesional_mm": "1e0"}},
            "regions.perilesional_mm: found '1e0' (text), expected a number (write it without quotation marks, "
            "1.0e-3 for 1e-3, in a file: --config gives text)",
        ),
        (
            {"regions": {"perilesional_mm": float("nan")}},
            "regions.perilesional_mm: found nan (a number), expected a finite number",
        ),
        ({"seed": float("inf")}, "seed: found inf (a number), expected a whole number"),
        ({"folds": {"number": 3}}, "folds.number: unknown key; valid here: file, n"),
        ({"folds": {"n": "three"}}, "folds.n: found 'three' (text), expected a whole number"),
        ({"folds": {"n": 1}}, "folds.n: found 1 (a whole number), expected at least 2"),
        ({"folds": []}, "folds: found a list, expected a section of keys"),
        (
            {"cohort": {"source": "dicom"}},
            "cohort.source: found 'dicom' (text), expected one of 'simulate', 'table', 'bids'",
        ),
        (
            {"cohort": {"exclude": ["07"]}},
            "cohort.exclude.0: found '07' (text), expected text like sub-07 or sub-07_ses-02",
        ),
        (
            {"regions": {"perilesional_mm": True}},
            "regions.perilesional_mm: found true (true or false), expected a number",
        ),
        ({"regions": {"threshold": 0}}, "regions.threshold: found 0 (a whole number), expected more than 0"),
        (
            {"pathvars": {"result": "elsewhere"}},
            "pathvars.result: unknown key; did you mean pathvars.results?",
        ),
        ({"pathvars": {"results": ""}}, "pathvars.results: found '' (text), expected text that is not empty"),
        (
            {"training": {"crop": [32, 0, 32]}},
            "training.crop: found a list, expected a list of 3 entries, each a whole number (at least 1) or nothing",
        ),
        (
            {"simulation": {"dwi": {"b_value": "b"}}},
            "simulation.dwi.b_value: found 'b' (text), expected a whole number (at least 100 and at most 5000) or a "
            "list of entries, each a whole number (at least 100 and at most 5000)",
        ),
        (
            {"simulation": {"physics": {"mtr_mielin": 1}}},
            "simulation.physics.mtr_mielin: unknown key; did you mean simulation.physics.mtr_myelin?",
        ),
        (
            {"simulation": {"physics": {"flow": 1}}},
            "simulation.physics.flow: unknown key; valid here: axial, axial_axon_loss, axial_myelin_loss, dvr_base, "
            "dvr_myelin, dvr_water, mtr_axons, mtr_base, mtr_myelin, mtr_scale, mtr_water, radial, radial_axon_loss, "
            "radial_myelin_loss",
        ),
        (
            {"simulation": {"physics": {"mtr_myelin": 40}}},
            "simulation.physics.mtr_myelin: found 40 (a whole number), expected at most 36",
        ),
        (
            {"cohort": {"accept": {"07": ["apart"]}}},
            "cohort.accept.07: unknown key; expected a key like all, sub-07 or sub-07_ses-02",
        ),
        (
            {"registration": {"metric": "MI"}},
            "registration.metric: found 'MI' (text), expected one of 'mattes', 'GC'",
        ),
    ],
)
def test_one_problem_one_sentence(change, sentence):
    assert config_problems(default() | change, SCHEMA) == [sentence]


@pytest.mark.parametrize("study", [path.parent.name for path in STUDIES])
def test_the_section_of_a_study_belongs_in_a_file_of_its_own(study):
    sentence = (
        f"{study}: belongs to the study studies/{study}; move it to a file for that study (see its README.md)"
    )
    assert config_problems(default() | {study: {}}, SCHEMA) == [sentence]


def test_a_key_that_yaml_reads_as_true():
    (sentence,) = config_problems(default() | {True: 1}, SCHEMA)
    assert sentence.startswith(
        "True: unknown key (YAML reads yes, no, on and off as True or False); valid here: "
    )


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (
            {"maps": {"early_window_min": [6, 1]}},
            ["maps.early_window_min: found [6, 1], expected the first number below the last one"],
        ),
        (
            {"maps": {"early_window_min": [4, 4.0]}},
            ["maps.early_window_min: found [4, 4], expected the first number below the last one"],
        ),
        ({"maps": {"early_window_min": [0.5, 6]}}, []),
        (
            {"lesions": {"flair": {"seed_sd": 2, "grow_sd": 2.5}}},
            ["lesions.flair.grow_sd: found 2.5, expected at most lesions.flair.seed_sd (2)"],
        ),
        ({"lesions": {"flair": {"seed_sd": 2, "grow_sd": 2}}}, []),
        (
            {"lesions": {"flair": {"grow_sd": 3}}},
            ["lesions.flair.grow_sd: found 3, expected at most lesions.flair.seed_sd (2.5)"],
        ),
        (
            {"maps": {"early_window_min": ["a", 1]}},
            ["maps.early_window_min.0: found 'a' (text), expected a number"],
        ),
        ({"maps": []}, ["maps: found a list, expected a section of keys"]),
    ],
)
def test_numbers_in_the_wrong_order(change, sentences):
    assert config_problems(merged(default(), change), SCHEMA) == sentences
    assert config_problems(change, SCHEMA) == sentences, "what it does not say is the default"


def patterns(part):
    if isinstance(part, dict):
        yield from part.get("patternProperties", ())
        yield from (value for key, value in part.items() if key == "pattern" and isinstance(value, str))
    for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from patterns(below)


@pytest.mark.parametrize("path", [SCHEMA_PATH, *(ROOT / "studies").glob("*/config.schema.yaml")], ids=str)
def test_a_message_shows_an_example_and_no_regular_expression(path):
    for pattern in patterns(yaml.safe_load(path.read_text())):
        first = re.match("[^ ,]+", EXAMPLES[pattern])[0]
        assert re.search(pattern, first)


def test_all_problems_at_once():
    with pytest.raises(InputError) as caught:
        check_config(default() | {"sead": 1, "folds": {"n": 0}}, SCHEMA_PATH)
    assert str(caught.value) == (
        "The configuration has 2 problems:\n"
        "  - sead: unknown key; did you mean seed?\n"
        "  - folds.n: found 0 (a whole number), expected at least 2\n"
        "config.yaml explains every key."
    )


def sections(schema, path=""):
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        if part.get("type") == "object":
            yield from sections(part, f"{path}.{name}")


@pytest.mark.parametrize(("path", "section"), list(sections(SCHEMA)), ids=lambda item: str(item)[:30])
def test_no_section_lets_a_typo_pass(path, section):
    assert section["additionalProperties"] is False
