"""The hash of a rule's modules ignores comments and docstrings, and nothing else."""

import ast
import re

import pytest

from myelosketch import modules

FILES = sorted((modules.ROOT / "myelosketch").rglob("*.py"))
WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.ClassDef)


def code(text):
    """Syntax tree of a module in which every docstring is a pass, as text."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Pass()
    return ast.dump(tree)


def replaced(found):
    """Replace a docstring by pass, and drop comments and blank lines."""
    indent = re.match(r"[ \t]*", found[0])[0]
    return f"{indent}pass\n" if found[0].lstrip().startswith('"') else "\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(modules.ROOT)))
def test_what_is_left_out_is_docstrings_and_comments_and_all_of_the_code_is_left(path):
    text = path.read_text(encoding="utf-8")
    assert code(modules.UNREAD.sub(replaced, text)) == code(text)


def test_the_hash_knows_code_from_words():
    text = '"""Module."""\n\n\ndef add(a, b):\n    """Add."""\n    # two numbers\n    return a + b\n'
    same = '"""Another."""\n\n\ndef add(a, b):\n    """Add\n\n    two "numbers"."""\n\n    return a + b\n'
    assert modules.without_comments(text) == modules.without_comments(same)
    assert modules.without_comments(text) != modules.without_comments(same.replace("a + b", "a - b"))
    assert modules.without_comments('X = """a\nb"""\n') == 'X = """a\nb"""\n'


def test_imports_for_the_type_checker_alone_do_not_count(tmp_path):
    text = "from myelosketch.io import names\n\nif TYPE_CHECKING:\n    from myelosketch.io import tables\n\n\nX = 1\n"
    (tmp_path / "module.py").write_text(text)
    assert modules.imports_of(tmp_path / "module.py") == ["myelosketch.io", "myelosketch.io.names"]


def test_an_unknown_module_has_no_hash():
    with pytest.raises(ValueError, match=r"no module myelosketch\.evaluation\.scorin\."):
        modules.hash_of("evaluation.scorin")


def test_the_hash_of_a_module_is_that_of_all_it_imports(monkeypatch):
    before = modules.hash_of("evaluation.scoring")
    assert before == modules.hash_of("evaluation.scoring") != modules.hash_of("imaging.regions")
    real = modules.digest
    monkeypatch.setattr(modules, "digest", lambda path: "other" if path.name == "volumes.py" else real(path))
    assert modules.hash_of("evaluation.scoring") != before
