"""`soundstage store`: what the store holds."""

from io import StringIO

from rich.console import Console
from rich.table import Table

from soundstage import catalogue, paths, untrusted_parquet
from soundstage.descriptions import describe
from soundstage.errors import SoundstageError
from soundstage.listing import audio_keys
from soundstage.params import Params
from soundstage.store.read import Feature
from soundstage.upkeep.why import differences


def overview(params: Params) -> str:
    """Return a table: a line a waveform or feature of params.yaml and of the store."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False)
    for title in ("", "clips", "rejected", "shards", "MB"):
        table.add_column(title, justify="right" if title else "left")
    for title in ("row", "fingerprint", "state"):
        table.add_column(title)
    known = [*params.top.waveforms, *params.features]
    others = {f.parent.name for f in paths.STORE.glob("*/index.json")} - set(known)
    for name in [*known, *sorted(others)]:
        table.add_row(*_row(params, name, name in others))
    text = StringIO()
    Console(file=text, width=200, color_system=None, markup=False, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _of_other_clips(params: Params, feature: Feature) -> str:
    """Say so where a feature has more or fewer clips than the data set, and "" otherwise."""
    if not paths.FILES.exists():
        return ""
    supplied = catalogue.Supply(params.dataset, feature.index["name"]).names
    listed = len({*audio_keys(untrusted_parquet.read(paths.FILES)[0]), *supplied})
    known = sum(entry["rows"] + entry["rejected"] for entry in feature.index["shards"])
    return "" if known == listed else f"of {known} clips, where {listed} are listed"


def _row(params: Params, name: str, stranger: bool) -> list[str]:
    try:
        feature = Feature(paths.STORE / name)
    except SoundstageError as error:
        absent = not (paths.STORE / name / "index.json").exists()
        return [name, *["-"] * 6, "not built yet" if absent else str(error)]
    index = feature.index
    size = sum(f.stat().st_size for f in feature.folder.iterdir())
    if stranger:
        state = "not in params.yaml"
    else:
        description = describe(params, name)
        stale = feature.index["fingerprint"] != description.fingerprint
        found = differences(index, description) or [f"its source {index['source']} is stale"]
        more = f" and {len(found) - 1} more: see `soundstage why`" if len(found) > 1 else ""
        state = found[0] + more if stale else _of_other_clips(params, feature) or "up to date"
    return [
        name,
        str(len(feature)),
        str(sum(entry["rejected"] for entry in index["shards"])),
        str(len(index["shards"])),
        f"{size / 1e6:.1f}",
        f"{index['dtype']} ({', '.join(index['axes'])})",
        index["fingerprint"][:12],
        state,
    ]
