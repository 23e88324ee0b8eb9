"""Which shard a track belongs to: its content hash's shortest prefix that holds at most N tracks.

Prefixes are of bits. The answer depends on the set of hashes alone, not on order, paths or jobs;
one more track touches one shard, or replaces one by two.
"""

from collections.abc import Container, Iterable


def bits(key: str) -> str:
    """Return a hex content hash as a string of 0 and 1."""
    return f"{int(key, 16):0{4 * len(key)}b}"


def partition(keys: Iterable[str], at_most: int) -> dict[str, list[str]]:
    """Split content hashes into shards.

    Returns
    -------
    prefix of bits -> its sorted keys, at most `at_most` of them, none of the lists empty. The
    prefix of an only shard is "".
    """
    shards = {}
    waiting = [("", sorted({(bits(key), key) for key in keys}))]
    while waiting:
        prefix, members = waiting.pop()
        if len(members) > at_most:
            one = prefix + "1"
            waiting.append((prefix + "0", [m for m in members if not m[0].startswith(one)]))
            waiting.append((one, [m for m in members if m[0].startswith(one)]))
        elif members:
            shards[prefix] = [key for _, key in members]
    return dict(sorted(shards.items()))


def shard_of(key: str, prefixes: Container[str]) -> str | None:
    """Return the prefix among `prefixes` that a key belongs to, or None."""
    as_bits = bits(key)
    beginnings = (as_bits[:n] for n in range(len(as_bits) + 1))
    return next((prefix for prefix in beginnings if prefix in prefixes), None)
