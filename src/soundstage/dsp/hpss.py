"""The harmonic part of a waveform, by medians of its power spectrogram.

Tones are level along time, hits along frequency: the median of a bin's neighbours in time keeps
the first, that of its neighbours in frequency the second. The median of power is the median of
magnitude, squared.

Source: Fitzgerald, "Harmonic/percussive separation using median filtering" (DAFx 2010), with
librosa's soft masks (power 2, margin 1) and 31-wide medians.
"""

from collections.abc import Callable

import numpy as np

from soundstage import paged
from soundstage.dsp import fft, overlap
from soundstage.dsp.lanes import WIDTH, kernel, load, spread, store, upper, where_less
from soundstage.dsp.median import median_of_lanes, median_of_rows
from soundstage.dsp.stft import CHUNK, Spectrogram, hann

# Where both medians are below this, neither part has the bin: each gets half of it.
_TINY = np.float32(1e-37)
# Tiles beside a span that its medians along time are made with: no fewer than 31 frames together.
_AROUND = 4


@kernel
def _keep_harmonic(
    harmonic: np.ndarray,
    percussive: np.ndarray,
    re: np.ndarray,
    im: np.ndarray,
    n_bins: int,
    scale: float,
) -> None:
    """Multiply a spectrum by the soft mask of its harmonic part and by `scale`, in place."""
    half, tiny, factor = spread(0.5), spread(_TINY), spread(scale)
    for t in range(len(re)):
        for k in range(n_bins):
            h, p = load(harmonic[t], k), load(percussive[t], k)
            mask = where_less(h + p, tiny, half, h / upper(h + p, tiny)) * factor
            store(re[t], k, load(re[t], k) * mask)
            store(im[t], k, load(im[t], k) * mask)


def harmonic(
    spectrogram: Spectrogram, n: int, before: Callable[[slice, np.ndarray], None] | None = None
) -> np.ndarray:
    """Return the harmonic part of the waveform a spectrogram was made of, as float32 (n,).

    The percussive part is what remains: the two masks add up to one.

    Args:
        spectrogram: at least 31 frames and 31 bins. Tiles are overwritten.
        n: samples of the waveform.
        before: is called with each span and its power before that is overwritten, since the tiles
            of a long waveform are made anew for each use.
    """
    n_fft, hop, n_tiles = spectrogram.n_fft, spectrogram.hop_length, spectrogram.n_tiles
    half = n_fft // 2
    window = hann(n_fft, "float32")
    even, odd = np.empty((2, CHUNK, half, WIDTH), np.float32)
    carry = np.zeros(2 * WIDTH * hop, np.float32)
    y = paged.empty(((n_tiles + 1) * WIDTH * hop,), np.float32)
    for span in spectrogram.spans():
        around = slice(max(span.start - _AROUND, 0), min(span.stop + _AROUND, n_tiles))
        tiles = spectrogram.tiles(around.start, around.stop)
        inner = slice(span.start - around.start, span.stop - around.start)
        if before:
            before(span, tiles.power[inner])
        median_of_lanes(tiles.power, tiles.n_frames, tiles.spare)
        re, im, power, along_time = (x[inner] for x in tiles[:4])
        along_frequency = np.empty((CHUNK, *power.shape[1:]), np.float32)
        for first in range(0, len(re), CHUNK):
            some = slice(first, min(first + CHUNK, len(re)))
            part = slice(0, some.stop - first)
            median_of_rows(power[some], tiles.n_bins, along_frequency[part])
            _keep_harmonic(
                along_time[some], along_frequency[part], re[some], im[some], tiles.n_bins, 1 / n_fft
            )
            fft.irfft(re[some], im[some], fft.turns(n_fft), even[part], odd[part])
            out = y[(span.start + first) * WIDTH * hop : (span.start + some.stop) * WIDTH * hop]
            overlap.add(even[part], odd[part], fft.order(half), window, hop, carry, out)
        if span.stop == n_tiles:
            y[n_tiles * WIDTH * hop :] = carry.reshape(hop, 2 * WIDTH)[:, :WIDTH].T.reshape(-1)
            span = slice(span.start, n_tiles + 1)
        done = y[span.start * WIDTH * hop : span.stop * WIDTH * hop]
        overlap.divide_by_windows(window, hop, spectrogram.n_frames, span.start * WIDTH, done)
        paged.release(y)
    return y[half : half + n]
