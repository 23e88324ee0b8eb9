"""What the sections of `params.yaml` say of each other."""

from typing import Any

from soundstage import registry
from soundstage.params.inputs import check_inputs, check_segment
from soundstage.params.mistakes import Location, Mistakes


def check_references(value: dict[str, Any], mistakes: Mistakes) -> None:
    """Check that every name that stands for another entry names one."""

    def section(name: str) -> dict[str, Any]:
        found = value.get(name)
        return found if isinstance(found, dict) else {}

    def refer(location: Location, choices: dict[str, Any]) -> None:
        node: Any = value
        for key in location:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, str) and node not in choices:
            mistakes.add(location, f"no {node!r}; {registry.nearest(node, choices)}")

    waveforms, features = section("waveforms"), section("features")
    refer(("dataset",), section("datasets"))
    refer(("model",), section("models"))
    refer(("audit", "waveform"), waveforms)
    refer(("audit", "landmarks"), features)
    for name in features:
        refer(("features", name, "source"), waveforms | features)
        if _reads_itself(name, features):
            mistakes.add(("features", name, "source"), "the feature is made from itself")
        if name in waveforms:
            mistakes.add(("features", name), "is a waveform's name too; choose another")
    if "tracks" in waveforms:
        mistakes.add(
            ("waveforms", "tracks"), "is what the counts of tracks are called; choose another"
        )
    for name in section("models"):
        refer(("models", name, "input"), waveforms | features)
        entry = section("models")[name]
        check_segment(name, entry.get("segment") if isinstance(entry, dict) else None, mistakes)
    check_inputs(waveforms, features, section("models"), mistakes)
    split = section("split")
    folds, fold = split.get("folds"), split.get("fold")
    if isinstance(folds, int) and isinstance(fold, int) and fold >= folds:
        mistakes.add(("split", "fold"), f"must be less than folds = {folds}, got {fold}")
    shares = [s for part in ("valid", "test") if isinstance(s := split.get(part), float)]
    if sum(shares) >= 1:
        mistakes.add(
            ("split", "test"),
            f"valid and test take {sum(shares):g} of the clips; leave some to train on",
        )


def _reads_itself(name: str, features: dict[str, Any]) -> bool:
    source: Any = name
    for _ in features:
        entry = features.get(source)
        source = entry.get("source") if isinstance(entry, dict) else None
        if source == name or not isinstance(source, str):
            break
    return source == name
