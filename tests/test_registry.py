import inspect
import typing

import pytest

from soundstage import registry
from soundstage.errors import SoundstageError

COMPONENTS = [(f, name) for f in ("features", "models") for name in registry.names(f)]


def test_the_folders_are_not_empty():
    for folder in ("datasets", "features", "models"):
        assert registry.names(folder)


@pytest.mark.parametrize(("folder", "name"), COMPONENTS)
def test_read_signatures_equal_imported_ones(folder, name):
    function = registry.component(folder, name)
    imported = {
        p.name: ... if p.default is p.empty else p.default
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    read = registry.parameters(folder, name)
    assert {key: default for key, (_, default) in read.items()} == imported
    hints = typing.get_type_hints(function, include_extras=True)
    assert {key: annotation for key, (annotation, _) in read.items()} == {k: hints[k] for k in read}


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(SoundstageError, match=r"features: no 'mfc'; did you mean 'mfcc'\?"):
        registry.source_file("features", "mfc")


def test_nearest_lists_all_where_nothing_is_near():
    assert registry.nearest("zzz", ["b", "a"]) == "choose from: a, b"
    assert registry.nearest("zzz", []) == "there is none to choose from"
