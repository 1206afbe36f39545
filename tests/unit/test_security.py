# ruff: noqa: E501 - lists of names are not split
"""No door is left open: what the code may not call, what a page may not fetch, who may read what is written."""

import ast
import base64
import os
import re
import stat
import sys
from pathlib import Path

import browser
import numpy as np
import pandas as pd
import pytest
from test_imaging_quality_verdicts import LIMITS, row, write_scans

from myelosketch.cohort.config_text import check_config_files
from myelosketch.cohort.table import read_cohort
from myelosketch.errors import InputError
from myelosketch.imaging.registration.verdicts import gather_quality
from myelosketch.intake.gate import gather_intake
from myelosketch.intake.thumbnails import png
from myelosketch.io.provenance import write_bytes, write_json, write_text
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.reporting.pages.intake import write_intake_page
from myelosketch.reporting.pages.registration import write_registration_page
from myelosketch.reporting.pages.rendering import POLICY, cell

ROOT = Path(__file__).parents[2]
PYTHON = sorted(
    path for folder in ("workflow_scripts", "studies", "envs") for path in (ROOT / folder).rglob("*.py")
)
WORKFLOW = [
    ROOT / "Snakefile",
    *sorted((ROOT / "rules").glob("*.smk")),
    *sorted((ROOT / "studies").glob("*/Snakefile")),
]
TEMPLATES = sorted((ROOT / "workflow_scripts/myelosketch/reporting/pages").glob("*.html.j2"))
# modules that execute their input, or use the network
MODULES = {
    *("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "socket", "urllib.request", "requests"),
    *("http.client", "ftplib", "telnetlib", "xmlrpc"),
}  # fmt: skip
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
}
# loaders that unpickle by default: the argument that forbids it, and its value
GUARDED = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}


def faults(source):
    """Forbidden calls in a program, list of str."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names = (
                [node.module or "", *(f"{node.module}.{name}" for name in names)]
                if isinstance(node, ast.ImportFrom)
                else names
            )
            found += [f"import {name}" for name in names if name in MODULES]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name in CALLS or name.split(".")[0] in MODULES:
                found.append(name)
            if given.get("shell", "False") != "False":
                found.append(f"{name}(shell)")
            if name in GUARDED:
                word, value = GUARDED[name]
                default = name == "np.load" and word not in given
                found += (
                    [] if default or given.get(word) == str(value) else [f"{name} without {word}={value}"]
                )
            elif given.get("allow_pickle", "False") != "False":
                found.append(f"{name}(allow_pickle)")
    return found


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_program_runs_what_it_reads_or_fetches(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        *("eval('1')", "import pickle", "from urllib.request import urlopen", "from urllib import request\n"),
        *("os.system(a)", "subprocess.run(a, shell=True)", "yaml.load(a)", "torch.load(a)"),
        *("torch.load(a, weights_only=False)", "np.load(a, allow_pickle=True)", "np.lib.format.read(a, allow_pickle=True)"),
    ],
)  # fmt: skip
def test_the_look_finds_what_is_wrong(source):
    assert faults(source)


@pytest.mark.parametrize("path", WORKFLOW, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_rule_has_a_shell_command(path):
    """Every rule is a script: no value can become a part of a command."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"^\s+(shell|run|wrapper|notebook|cwl):|\bshell\(|\beval\(|\bexec\(|\bos\.system\(", text, flags=re.M
    )


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_what_is_written_has_the_rights_of_any_new_file(tmp_path, mask):
    old = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "a")
        save_volume(tmp_path / "a.nii.gz", np.ones((2, 2, 2)), np.eye(4), sidecar={})
    finally:
        os.umask(old)
    files = list(tmp_path.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~mask}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_page_forbids_itself_everything_but_itself(path):
    text = path.read_text(encoding="utf-8")
    if path.name == "macros.html.j2" or "{{ head(" in text or "{% call head(" in text:
        text = TEMPLATES[[one.name for one in TEMPLATES].index("macros.html.j2")].read_text(encoding="utf-8")
    assert text.count('<meta http-equiv="Content-Security-Policy" content="{{ policy | safe }}">') == 1
    assert POLICY.startswith("default-src 'none'")


HOSTILE = (
    "a b",
    "a;b",
    "$(id)",
    "`id`",
    "a'b",
    'a"b',
    "a\u2028b",
    "é",
    "..",
    "../x",
    "x" * 300 + "/",
    "<script>",
    "{a}",
)


@pytest.mark.parametrize("column", ["subject", "session", "site"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_id_is_refused(tmp_path, column, value):
    row = {"subject": "01", "session": "1", "group": "MS", "site": "A"} | {column: value}
    header = [*row, "T1w", "lesion_mask", "FA", "RD", "AD", "MTR", "DVR"]
    cells = [*row.values(), *["a.nii.gz"] * 7]
    (tmp_path / "cohort.tsv").write_text("\t".join(header) + "\n" + "\t".join(cells) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"line 2: {column} .* must be letters and digits only"):
        read_cohort(tmp_path / "cohort.tsv")


def test_an_alias_that_grows_without_end_is_refused(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (tmp_path / "mine.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match="repeats parts by aliases, to more than"):
        check_config_files([tmp_path / "mine.yaml"])


def test_an_alias_that_holds_itself_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("cohort: &a {bids: *a}")
    with pytest.raises(InputError, match="repeats parts by aliases"):
        check_config_files([tmp_path / "mine.yaml"])


def test_a_cell_of_a_page_is_text():
    assert str(cell("<script>alert(1)</script>")) == "&lt;script&gt;alert(1)&lt;/script&gt;"


def test_the_table_of_licences_is_current():
    sys.path.insert(0, str(ROOT / "envs"))
    import licences

    assert licences.PAGE.read_text(encoding="utf-8") == licences.page(), "run python envs/licences.py"


SPELL = "<script>document.title='taken'</script><img src='https://example.org/a.png' onerror=alert(1)>"


@pytest.mark.browser
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("template", ["intake", "registration"])
def test_hostile_text_of_a_scan_is_text_on_its_page_which_fetches_nothing(tmp_path, template):
    page = tmp_path / "page.html"
    write_page(template, page, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    with browser.Browser(tmp_path / "profile") as chromium:
        seen = chromium.look(page, width=1280)
        assert (seen["console"], seen["requests"], seen["broken"]) == ([], [], [])
        assert chromium.run("document.title").startswith("myelosketch")
        altered = chromium.look(page_with_image(page), width=1280)
        assert altered["broken"] == ["spy"]
        assert any("Content Security Policy" in words for words in altered["console"])


def page_with_image(page):
    """The same page into which a foreign picture was written."""
    other = page.with_name("altered.html")
    text = page.read_text(encoding="utf-8")
    other.write_text(
        text.replace("</main>", "<img src='https://example.org/a.png' alt='spy'></main>"), encoding="utf-8"
    )
    return other


def write_page(template, page, folder):
    """A page of one scan in which all text is hostile."""
    if template == "registration":
        jsons = write_scans(
            folder,
            {
                "sub-01": [
                    row(given=SPELL),
                    row("dwi", repeat_mm=5, missing={"stretch_mm": SPELL}, stretch_mm=None),
                ]
            },
        )
        picture = jsons[0].with_suffix(".png")
        write_bytes(picture, png(np.zeros((40, 40), np.uint8)))
        gather_quality(jsons, folder / "qc.tsv", LIMITS, {})
        write_registration_page(page, table=folder / "qc.tsv", jsons=jsons, pictures=[picture])
        return
    picture = base64.b64encode(png(np.zeros((40, 40), np.uint8))).decode()
    finding = {"check": "sidecar", "input": "T1w", "reason": SPELL, "way_out": SPELL, "verdict": "refused"}
    file = {"input": "T1w", "file": f"{SPELL}.nii.gz", "readable": True}
    scan = {
        "scan": "sub-01",
        "group": "MS",
        "files": [file],
        "findings": [finding],
        "picture": picture,
        "columns": ["T1w"],
    }
    write_json(folder / "sub-01.json", scan)
    gather_intake([folder / "sub-01.json"], folder / "intake.tsv", {})
    excluded = pd.DataFrame([["sub-05", "HC", SPELL]], columns=["scan", "group", "reason"])
    write_table(excluded, folder / "excluded.tsv")
    write_intake_page(
        page,
        intake=folder / "intake.tsv",
        excluded=folder / "excluded.tsv",
        inspections=[folder / "sub-01.json"],
    )
