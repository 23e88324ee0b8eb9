"""Labels and names as they are understood: cleaned, and told from what stands for no name."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from soundstage.diagnostics import Finding

# What programs write into a table where nothing is known.
MISSING = frozenset({"", "nan", "NaN", "None", "<NA>", "NaT", "NULL", "null"})

# Categories of Unicode that show nothing: controls, formats (zero-width characters, the byte order
# mark, soft hyphens, marks of direction), and blanks; and the blanks that it counts as letters.
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or character in _BLANK_LETTERS


@lru_cache(maxsize=2**16)
def clean(text: str) -> str:
    """Return a text in Unicode's form NFC, without what is invisible at its ends."""
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while start < end and _is_invisible(text[end - 1]):
        end -= 1
    return unicodedata.normalize("NFC", text[start:end])


def cleaned(text: str | None) -> str | None:
    """Return a text as `clean` has it; None where nothing is left of it."""
    return clean(text) or None if text else None


class Placeholders:
    """Which names stand for none, and how often each was met as what."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {clean(name).casefold() for name in names}
        self._met: Counter[tuple[str, str]] = Counter()

    def without(self, role: str, name: str | None) -> str | None:
        """Return a clean name, or None, with its count as a `role`, where it is a placeholder."""
        if name is None or name.casefold() not in self._names:
            return name
        self._met[name, role] += 1
        return None

    def findings(self) -> list[Finding]:
        """Say what was met, how often."""
        return [
            Finding(name, "placeholder", f"{role} of {clips(n)}")
            for (name, role), n in self._met.items()
        ]


def clips(n: int) -> str:
    """Return a number of clips in words."""
    return f"{n} clip{'' if n == 1 else 's'}"


def in_one_case(counts: Mapping[str, int]) -> dict[str, str]:
    """Return label -> the spelling to use, where several differ in case only.

    The one of most clips; of equally frequent ones the first in order.
    """
    return {
        label: min(twins, key=lambda twin: (-counts[twin], twin))
        for twins in _alike(counts, str.casefold)
        for label in twins
    }


def look_alikes(counts: Mapping[str, int]) -> list[Finding]:
    """Find labels that differ in case only, or in blanks and punctuation too."""
    twins = _alike(counts, str.casefold)
    others = [
        labels
        for labels in _alike(counts, _letters)
        if len({label.casefold() for label in labels}) > 1
    ]
    return [
        Finding(", ".join(labels), code, f"{' and '.join(str(counts[n]) for n in labels)} clips")
        for code, found in (("case_twins", twins), ("look_alike", others))
        for labels in found
    ]


def _alike(labels: Iterable[str], key: Callable[[str], str]) -> list[Sequence[str]]:
    """Return the labels that share a key, sorted, where several do."""
    found = defaultdict(list)
    for label in sorted(labels):
        if shared := key(label):
            found[shared].append(label)
    return [same for same in found.values() if len(same) > 1]


def _letters(label: str) -> str:
    """Return a label in one case and width, without blanks, punctuation or invisible characters."""
    text = unicodedata.normalize("NFKC", label).casefold()
    return "".join(c for c in text if unicodedata.category(c)[0] not in "PZC")
