import threading
import time

import numpy as np
import pytest
import torch

from soundstage import batches
from soundstage.batches import AHEAD, Batches, ahead

CPU = torch.device("cpu")
CUDA = pytest.param(
    torch.device("cuda"),
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    id="cuda",
)


class Clips:
    """Eleven clips whose values and targets tell their places, as 8-bit PCM."""

    def __init__(self, n=11):
        self.X = np.arange(3 * n, dtype=np.int8).reshape(n, 3)
        self.y = np.arange(n)

    def __len__(self):
        return len(self.X)

    def batch(self, indices):
        assert all(isinstance(i, int) for i in indices)
        return self.X[indices], self.y[indices]


def epochs(n=2, **options):
    found = Batches(Clips(), batch_size=4, **options)
    return [[(X.cpu(), y.cpu()) for X, y in found.epoch(i)] for i in range(n)]


@pytest.mark.parametrize("device", [pytest.param(CPU, id="cpu"), CUDA])
@pytest.mark.parametrize("data", ["auto", "device", "host"])
@pytest.mark.parametrize("seed", [None, 3])
def test_wherever_the_arrays_lie_batches_and_their_order_are_the_same(device, data, seed):
    expected = epochs(shuffle_seed=seed)
    found = epochs(shuffle_seed=seed, device=device, data=data)
    for mine, theirs in zip(expected, found, strict=True):
        for (X, y), (Z, t) in zip(mine, theirs, strict=True):
            assert X.dtype == Z.dtype == torch.int8
            assert torch.equal(X, Z)
            assert torch.equal(y, t)


@pytest.mark.parametrize("seed", [None, 3])
def test_an_epoch_has_each_clip_once_with_its_target(seed):
    for batches_of_epoch in epochs(shuffle_seed=seed):
        assert [len(X) for X, _ in batches_of_epoch] == [4, 4, 3]
        X, y = (torch.cat(parts) for parts in zip(*batches_of_epoch, strict=True))
        assert sorted(y.tolist()) == list(range(11))
        assert torch.equal(X[:, 0], (3 * y).to(torch.int8))
        assert (y.tolist() == list(range(11))) == (seed is None)


def test_epochs_differ_and_each_can_be_begun_without_those_before():
    def order(loader, epoch):
        return torch.cat([y for _, y in loader.epoch(epoch)]).tolist()

    loader = Batches(Clips(), batch_size=4, shuffle_seed=0)
    orders = [order(loader, epoch) for epoch in range(3)]
    assert len({tuple(o) for o in orders}) == 3
    assert order(Batches(Clips(), batch_size=4, shuffle_seed=0), 2) == orders[2]
    assert order(Batches(Clips(), batch_size=4, shuffle_seed=1), 2) != orders[2]
    iterated = [torch.cat([y for _, y in loader]).tolist() for _ in range(3)]
    assert iterated == orders


def test_a_part_is_moved_to_the_device_in_pieces(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK", 7)  # bytes: two clips of 3 bytes
    asked = []
    clips = Clips()
    clips.batch = lambda indices: asked.append(len(indices)) or Clips.batch(clips, indices)
    X, y = next(Batches(clips, batch_size=11, data="device").epoch(0))
    assert max(asked) == 2
    np.testing.assert_array_equal(X, clips.X)
    np.testing.assert_array_equal(y, clips.y)


def test_on_a_gpu_with_too_little_room_the_host_holds_the_data(monkeypatch):
    """33 bytes fit where 66 are free."""
    cuda = torch.device("cuda")
    for free, fits in [(66, True), (65, False)]:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 10**9))
        assert batches._has_room(cuda, Clips()) == fits
    assert not batches._has_room(CPU, Clips())


def test_ahead_makes_the_next_ones_meanwhile_and_no_more():
    made, threads = [], set()

    def make(i):
        made.append(i)
        threads.add(threading.get_ident())
        return -i

    found = ahead(make, range(20))
    assert next(found) == 0
    deadline = time.monotonic() + 5
    while len(made) <= AHEAD and time.monotonic() < deadline:
        time.sleep(0.001)
    assert made == list(range(AHEAD + 1))
    assert list(found) == [-i for i in range(1, 20)]
    assert made == list(range(20))
    assert threads.isdisjoint({threading.get_ident()})


def test_what_goes_wrong_ahead_is_raised_in_its_turn():
    found = ahead(lambda i: 1 // (2 - i), range(5))
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)
