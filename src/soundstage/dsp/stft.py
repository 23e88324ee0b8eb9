"""The short-time Fourier transform as tiles: eight frames side by side.

A tile is an array (bins, 8); frame 8 t + l is lane l of tile t. As `librosa.stft` has it: Hann
window, frames centred on multiples of the hop, zeros around the signal, or the signal mirrored.

The tiles of a long signal are larger than memory, so a `Spectrogram` makes them when they are asked
for.
"""

from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import scipy

from soundstage import paged
from soundstage.dsp import fft, overlap
from soundstage.dsp.lanes import WIDTH, kernel, load, store

# Tiles worked on at a time. 16 frames of 2,048 float64 samples are 256 KiB, which stay in cache.
CHUNK = 2
# Tiles that are held at a time: 25 MB of frames of 2,048 samples, or 35 s of audio at 22,050 Hz.
SPAN = 192

PadMode = Literal["constant", "reflect"]


class Tiles(NamedTuple):
    """Some of a spectrogram; bins are padded with zeros to a multiple of 8, frames to tiles."""

    re: np.ndarray  # float32 (tiles, bins, 8)
    im: np.ndarray  # float32 (tiles, bins, 8)
    power: np.ndarray  # float32 (tiles, bins, 8), re² + im²
    spare: np.ndarray  # float32 (tiles, bins, 8), room to work in
    n_frames: int
    n_fft: int
    hop_length: int

    @property
    def n_bins(self) -> int:
        """Bins without the padding."""
        return self.n_fft // 2 + 1


def supported(n_fft: int, hop_length: int) -> bool:
    """Whether frames are a power of two long, at least 64, and overlap four- or eightfold."""
    power_of_two = n_fft >= 64 and n_fft & (n_fft - 1) == 0
    return power_of_two and n_fft in (4 * hop_length, 8 * hop_length)


@cache
def hann(n: int, dtype: str) -> np.ndarray:
    """Return the periodic Hann window (n,)."""
    return scipy.signal.get_window("hann", n).astype(dtype)


def frames(x: np.ndarray, n_frames: int) -> np.ndarray:
    """Lay tiles (tiles, rows, 8) out as (rows, n_frames)."""
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)[:, :n_frames]


@kernel
def _power(re: np.ndarray, im: np.ndarray, out: np.ndarray) -> None:
    for t in range(len(re)):
        for k in range(re.shape[1]):
            a, b = load(re[t], k), load(im[t], k)
            store(out[t], k, a * a + b * b)


def padded(
    y: np.ndarray, n_fft: int, hop_length: int, pad_mode: PadMode = "constant"
) -> np.ndarray:
    """Return `y` with n_fft / 2 zeros before it, and zeros after it to fill the last tile.

    `reflect` puts n_fft / 2 samples of the mirrored signal before and after it, of which it must
    have more.
    """
    n_tiles = -(-(1 + y.size // hop_length) // WIDTH)
    around = paged.zeros(((n_tiles + 2) * WIDTH * hop_length,), np.float32)
    half, end = n_fft // 2, n_fft // 2 + y.size
    for some in paged.blocks(y):
        around[half:end][some] = y[some]
        paged.release(around)
    if pad_mode == "reflect":
        around[:half] = y[half:0:-1]
        around[end : end + half] = y[-2 : -2 - half : -1]
    return around


class Spectrogram:
    """The transform of float32 (n,), with a frame size and a hop that are `supported`.

    `around` is the signal as `padded` returns it.
    """

    def __init__(
        self, y: np.ndarray, n_fft: int, hop_length: int, pad_mode: PadMode = "constant"
    ) -> None:
        self.n_frames = 1 + y.size // hop_length
        self.n_tiles = -(-self.n_frames // WIDTH)
        self.n_fft, self.hop_length = n_fft, hop_length
        self.around = padded(y, n_fft, hop_length, pad_mode)
        self._made: tuple[int, int, Tiles] | None = None

    def spans(self) -> Iterator[slice]:
        """Yield slices of the tiles, `SPAN` each."""
        for first in range(0, self.n_tiles, SPAN):
            yield slice(first, min(first + SPAN, self.n_tiles))

    def tiles(self, first: int, stop: int) -> Tiles:
        """Return tiles `first` to `stop`, the same arrays where the last call asked for the same.

        They hold the values that whoever called last left in them.
        """
        if not self._made or self._made[:2] != (first, stop):
            self._made = None  # not two at a time
            self._made = first, stop, self._transform(first, stop)
        return self._made[2]

    def _transform(self, begin: int, stop: int) -> Tiles:
        n_fft, hop_length, half = self.n_fft, self.hop_length, self.n_fft // 2
        n_tiles, bins = stop - begin, -(-(half + 1) // WIDTH) * WIDTH
        n_frames = min(self.n_frames - WIDTH * begin, WIDTH * n_tiles)
        # One array and not four: what is freed in one piece is not given back to the system, and
        # is there, mapped, for the next clip.
        re, im, power, spare = np.empty((4, n_tiles, bins, WIDTH), np.float32)
        re[:, half + 1 :] = im[:, half + 1 :] = 0
        # librosa transforms in float64 and rounds then; float32's own rounding would be louder
        # than what a pure tone has far from its frequency, and its bandwidth would be the noise's.
        even, odd = np.empty((2, CHUNK, half, WIDTH))
        window, turns = hann(n_fft, "float64"), fft.turns(n_fft, "float64")
        for first in range(0, n_tiles, CHUNK):
            some = slice(first, min(first + CHUNK, n_tiles))
            part = slice(0, some.stop - first)
            start = self.around[(begin + first) * WIDTH * hop_length :]
            overlap.cut(start, window, hop_length, even[part], odd[part])
            fft.rfft(even[part], odd[part], fft.order(half), turns, re[some], im[some])
            if some.stop == n_tiles and n_frames % WIDTH:  # lanes after the last frame
                re[-1, :, n_frames % WIDTH :] = im[-1, :, n_frames % WIDTH :] = 0
            _power(re[some], im[some], power[some])
        paged.release(self.around)
        return Tiles(re, im, power, spare, n_frames, n_fft, hop_length)
