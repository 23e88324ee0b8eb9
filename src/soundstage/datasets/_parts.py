"""How people call the parts of a split, in a column or as folders."""

import re
from collections.abc import Iterable

from soundstage.labels import clean

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "validate", "val", "dev", "development"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_EVAL = {"eval", "evaluation"}  # names what the others leave
_BESIDE = {"set", "data", "dataset", "split", "part", "subset"}  # as in test_set and TrainData
_BEHIND = re.compile(f"({'|'.join(sorted(_BESIDE, key=len, reverse=True))})$")


def parts(names: Iterable[str]) -> dict[str, str]:
    """Return name -> `train`, `valid` or `test` of those names that mean one.

    Case, blanks, signs, numbers and words as in `test_set` do not count. `eval` is the test part,
    or the validation part where another name is the test part; where both are, it is neither.
    """
    words = {name: _word(name) for name in names}
    found = {name: PARTS[word] for name, word in words.items() if word in PARTS}
    left = [part for part in ("test", "valid") if part not in found.values()]
    if left:
        found |= {name: left[0] for name, word in words.items() if word in _EVAL}
    return found


def _word(name: str) -> str:
    words = re.findall(r"[^\W\d_]+", clean(name).casefold())
    whole = "".join(word for word in words if word not in _BESIDE)
    return whole if whole in PARTS else _BEHIND.sub("", whole)
