import hashlib

from soundstage.store.partition import bits, partition, shard_of


def keys(n, seed=0):
    return [hashlib.sha256(f"{seed}/{i}".encode()).hexdigest()[:32] for i in range(n)]


def test_bits_are_those_of_the_number():
    assert bits("8f") == "10001111"
    assert bits("00") == "00000000"


def test_every_key_is_in_one_shard_of_at_most_n():
    parts = partition(keys(1000), 16)
    assert sorted(k for members in parts.values() for k in members) == sorted(keys(1000))
    assert all(1 <= len(members) <= 16 for members in parts.values())
    assert all(bits(k).startswith(prefix) for prefix, members in parts.items() for k in members)


def test_prefixes_are_the_shortest():
    parts = partition(keys(1000), 16)
    for prefix in parts:
        parent = [k for k in keys(1000) if bits(k).startswith(prefix[:-1])]
        assert len(parent) > 16


def test_order_and_repetition_do_not_matter():
    assert partition(keys(100), 8) == partition([*reversed(keys(100)), *keys(10)], 8)


def test_few_keys_are_one_shard_and_none_is_none():
    assert partition(keys(5), 5) == {"": sorted(keys(5))}
    assert partition([], 5) == {}


def test_one_more_key_touches_one_shard_or_splits_one():
    some = keys(500)
    before = partition(some, 16)
    for extra in keys(50, seed=1):
        after = partition([*some, extra], 16)
        changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
        gone, new = changed & before.keys(), changed & after.keys()
        assert len(gone) <= 1
        assert 1 <= len(new) <= 16


def test_shard_of_finds_the_prefix():
    parts = partition(keys(200), 16)
    for prefix, members in parts.items():
        assert {shard_of(k, parts) for k in members} == {prefix}
    assert shard_of("00" * 16, ["1"]) is None
