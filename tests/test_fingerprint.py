from importlib.metadata import packages_distributions

import pytest

from soundstage import fingerprint, registry


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package named soundstage of two files, of which one imports the other."""
    root = tmp_path / "soundstage"
    root.mkdir()
    (root / "one.py").write_text("from soundstage.two import g\n\ndef f(x):\n    return g(x)\n")
    (root / "two.py").write_text("import numpy as np\n\ndef g(x):\n    return np.abs(x)\n")
    monkeypatch.setattr(fingerprint, "PACKAGE", root)

    def digest(**files):
        fingerprint._read.cache_clear()
        for name, text in files.items():
            (root / f"{name}.py").write_text(text)
        return fingerprint.code_digest(root / "one.py")

    yield digest
    fingerprint._read.cache_clear()


ONE = "from soundstage.two import g\n\ndef f(x):\n    return g(x)\n"


def test_comments_docstrings_and_layout_do_not_count(package):
    commented = (
        '"""Doc."""\nfrom soundstage.two import g\n\n\ndef f(x):\n'
        '    """Doc."""\n    # why\n    return g( x )\n'
    )
    assert package() == package(one=commented)


def test_code_counts_and_so_does_what_it_imports(package):
    before = package()
    assert package(one=ONE.replace("g(x)\n", "g(x) + 1\n")) != before
    assert package(one=ONE) == before
    assert package(two="import numpy as np\n\ndef g(x):\n    return np.abs(x) * 2\n") != before


def test_a_file_that_is_not_imported_does_not_count(package):
    assert package() == package(three="x = 1\n")


def test_the_file_whose_code_changed_can_be_named(package, tmp_path):
    package()
    before = fingerprint.code(tmp_path / "soundstage" / "one.py")
    package(two="def g(x):\n    return x\n")
    after = fingerprint.code(tmp_path / "soundstage" / "one.py")
    assert before.keys() == after.keys() == {"one.py", "two.py"}
    assert [name for name in after if after[name] != before[name]] == ["two.py"]


def test_the_packages_front_does_not_count(package):
    one = "from soundstage import two\n\ndef f(x):\n    return two.g(x)\n"
    before = package(one=one, __init__="")
    assert package(__init__="from soundstage import three\n", three="x = 1\n") == before
    assert package(two="def g(x):\n    return x\n") != before


def test_libraries_are_those_of_the_imports():
    libraries = fingerprint.libraries(registry.source_file("features", "mel"))
    assert libraries.keys() == {"numpy", "scipy", "librosa", "soxr", "numba", "llvmlite"}


def test_a_module_belongs_to_the_distribution_that_has_its_files():
    for module, distributions in packages_distributions().items():
        assert fingerprint._distribution(module) in distributions


def test_digest_ignores_the_order_of_keys():
    assert fingerprint.digest({"a": 1, "b": 2}) == fingerprint.digest({"b": 2, "a": 1})
    assert fingerprint.digest({"a": 1}) != fingerprint.digest({"a": 2})
