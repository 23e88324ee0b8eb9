import ast

import pytest

from soundstage.syntax import alike, parsed

CODE = '"""A module."""\n\n\ndef f(x):\n    """Return it."""\n    return x + 1  # and one\n'


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x + 1\n",
        "def f(x): return (x+1)",
        "# why\ndef f(x):\n    'In other words.'\n    return (\n        x\n        + 1\n    )\n",
    ],
)
def test_comments_docstrings_and_layout_are_no_code(other):
    assert alike(CODE, other)


@pytest.mark.parametrize("other", ["def f(x): return x + 2", "def f(y): return y + 1", ""])
def test_other_code_is_another(other):
    assert not alike(CODE, other)


def test_what_is_left_is_code():
    assert ast.unparse(parsed('class A:\n    """Nothing."""\n')) == "class A:\n    pass"


@pytest.mark.parametrize("text", ["def f(", "a\0"])
def test_what_is_no_code_is_an_error(text):
    with pytest.raises((SyntaxError, ValueError)):
        alike(CODE, text)
