"""Clips that are the same recording in other clothes: another encoding, level or start.

Every clip's landmarks are looked up in an index of all clips' (Wang 2003). Two clips are
near-duplicates where `LEAST` landmarks, and a share of those of the clip with fewer, agree at one
distance in time; where `MANY` agree, a lower share is enough. The share of different recordings is
near 0, see `SHARE`; that of copies falls with the bit rate and with what they have in common.
Stretched and pitch-shifted copies and other performances of a piece are not found, nor those of
silence.

Of n landmarks in all, time is that of sorting them and of at most `REACH` comparisons each, memory
proportional to n, however many clips they are of: a landmark is compared with those of the next
`REACH` clips that have its hash, and a hash counts once a clip.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from soundstage.errors import SoundstageError
from soundstage.progress import progress
from soundstage.store.read import Feature

# Of the demo's clips, 97.9 % of copies at 64 kbit/s, 6 dB softer and 0.1 to 2 s later have more, of
# other copies 98.6 to 100 %. Among its 10,296 pairs the highest share is 0.07: a tune that is
# played twice, in nearly one tempo.
SHARE = 0.1
LEAST = 8
# Of long sustained tones, as of an organ, copies have a lower share, down to 0.05 in `demo30`, but
# of 30 s still 49 landmarks or more, where different recordings have at most 17.
MANY = 40
SHARE_OF_MANY = 0.04
REACH = 50

_PAIRS = dict.fromkeys(("a", "b", "lag", "agreeing"), pl.Int64)
_BLOCK = 64  # clips looked up at a time


def pairs(
    landmarks: Sequence[np.ndarray],
    *,
    least: int = LEAST,
    share: float = SHARE,
    many: int = MANY,
    share_of_many: float = SHARE_OF_MANY,
    reach: int = REACH,
) -> pl.DataFrame:
    """Find the near-duplicates among some clips.

    Parameters
    ----------
    landmarks: of each clip, int (n, 2): hash and frame, see `features.landmarks`.
    least, share: how many landmarks must agree, and what share of those of the clip with fewer.
    many, share_of_many: the share that is enough where so many agree.
    reach: with how many other clips of equal hash a landmark is compared. A family of more copies
    is found as a chain; a hash that very many clips have is of little use, and costs no more.

    Returns
    -------
    a, b (positions in `landmarks`, a < b), lag (how many frames later b has what a has; landmarks
    agree at lags that differ by one at most), agreeing (landmarks), share; sorted by a and b.
    """
    once = [_first_of_each_hash(clip) for clip in landmarks]
    counts = np.array([len(clip) for clip in once], np.int64)
    hashes, frames = np.concatenate([np.empty((0, 2), np.int32), *once]).T
    clips = np.repeat(np.arange(len(once), dtype=np.int32), counts)
    order = np.argsort(hashes, kind="stable")  # of one hash, clips ascend
    lengths = np.diff(np.flatnonzero(np.diff(hashes[order], prepend=-1)), append=len(order))
    order = order[np.repeat(lengths > 1, lengths)]  # most hashes are of one clip alone
    frames, clips = frames[order], clips[order]
    lengths = lengths[lengths > 1]
    stops = np.repeat(np.cumsum(lengths), lengths)

    found = [pl.DataFrame(schema=_PAIRS)]
    by_clip = np.argsort(clips, kind="stable")
    blocks = np.searchsorted(clips[by_clip], range(_BLOCK, len(once), _BLOCK))
    for block in np.split(by_clip, blocks):
        b, of = _ranges(block + 1, np.minimum(stops[block], block + 1 + reach))
        a = block[of]
        pair = clips[a].astype(np.int64) * len(once) + clips[b]
        found.append(_at_one_lag(pair, frames[b] - frames[a], len(once), least))
    table = pl.concat(found)
    fewer = np.minimum(counts[table["a"]], counts[table["b"]])
    shares = table["agreeing"] / pl.Series("share", fewer, pl.Int64)
    enough = (pl.col("share") >= share) | (
        (pl.col("agreeing") >= many) & (pl.col("share") >= share_of_many)
    )
    return table.with_columns(share=shares).filter(enough).sort("a", "b")


def _first_of_each_hash(landmarks: np.ndarray) -> np.ndarray:
    return landmarks[np.unique(landmarks[:, 0], return_index=True)[1]]


def _ranges(starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of all ranges in a row, and for each the index of its range."""
    lengths = stops - starts
    of = np.repeat(np.arange(len(starts)), lengths)
    return np.arange(len(of)) + (starts - np.cumsum(lengths) + lengths)[of], of


def _at_one_lag(pair: np.ndarray, lag: np.ndarray, n: int, least: int) -> pl.DataFrame:
    """Return for each pair a n + b the lag that most of its matches have, and how many these are.

    Those one frame later count too: a peak that falls between two frames may be seen in either.
    """
    packed = np.sort((pair << 24) + (lag + 2**23))  # of either part what 63 bits hold
    first = np.flatnonzero(np.diff(packed, prepend=-1))
    packed, counts = packed[first], np.diff(first, append=len(packed))
    agreeing = counts.copy()
    followed = np.flatnonzero(np.diff(packed) == 1)
    agreeing[followed] += counts[followed + 1]
    enough = agreeing >= least
    pair, lag = packed[enough] >> 24, packed[enough] % 2**24 - 2**23
    found = {"a": pair // n, "b": pair % n, "lag": lag, "agreeing": agreeing[enough]}
    most = pl.DataFrame(found, _PAIRS).sort("agreeing", descending=True, maintain_order=True)
    return most.unique(["a", "b"], keep="first")


def find(
    feature: Feature,
    *,
    share: float = SHARE,
    many: int = MANY,
    share_of_many: float = SHARE_OF_MANY,
) -> pl.DataFrame:
    """Find the near-duplicates among the clips of a folder of landmarks, see `pairs`.

    Returns
    -------
    a, b (content hashes), agreeing, share, and seconds (how much later b has what a has).

    Raises
    ------
    SoundstageError
        The feature holds no landmarks.
    """
    if feature.index["kind"] != "landmarks":
        raise SoundstageError(
            f"{feature.index['name']}: holds no landmarks; name a feature of kind landmarks"
        )
    keys, landmarks = [], []
    with progress("landmarks: read", len(feature), "clips") as bar:
        for shard in feature.shards():
            for key in shard.keys:
                keys.append(key)
                landmarks.append(shard.array(key))
                bar.update()
    rate = feature.index["sample_rate"] / feature.index["hop_length"]
    names = pl.Series(keys, dtype=pl.String)
    found = pairs(landmarks, share=share, many=many, share_of_many=share_of_many)
    return found.select(
        a=names.gather(found["a"]),
        b=names.gather(found["b"]),
        agreeing="agreeing",
        share="share",
        seconds=pl.col("lag") / rate,
    )


def groups(pairs: pl.DataFrame, checksums: Mapping[str, str]) -> dict[str, int]:
    """Gather what is the same recording, directly or by way of other clips.

    Parameters
    ----------
    pairs: see `find`; checksums: content hash -> checksum of the decoded samples; equal samples are
    one recording, also where they have no landmarks.

    Returns
    -------
    Content hash -> number of its group, for every clip of `checksums`.
    """
    edges = [*pairs.select("a", "b").iter_rows(), *checksums.items()]
    number: dict[str, int] = {}
    ends = [[number.setdefault(name, len(number)) for name in edge] for edge in edges]
    a, b = np.array(ends, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a), np.bool_), (a, b)), shape=(len(number), len(number)))
    _, labels = connected_components(graph, directed=False)
    return {key: int(labels[number[key]]) for key in checksums}
