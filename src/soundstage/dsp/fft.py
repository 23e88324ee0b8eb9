"""The Fourier transform of eight signals at a time, in place: decimation in frequency, radix 4.

A library transforms one signal after the other; here the lanes of a vector are signals, so that no
value ever moves between lanes. The result comes in digit-reversed order, as the algorithm leaves
it: whoever reads it goes through `order`.

Source: Cooley and Tukey, "An algorithm for the machine calculation of complex Fourier series"
(1965).
"""

from functools import cache
from typing import Any

import numpy as np

from soundstage.dsp.lanes import kernel, load, repeat, spread, store


@cache
def order(n: int) -> np.ndarray:
    """Return int64 (n,): the row in which `fft` leaves frequency k."""
    if n == 1:
        return np.zeros(1, np.int64)
    radix = 4 if n % 4 == 0 else 2
    k = np.arange(n)
    return (k % radix) * (n // radix) + order(n // radix)[k // radix]


@cache
def turns(n: int, dtype: str = "float32") -> np.ndarray:
    """Return (2, n): cosine and negative sine of k/n of a full turn, `fft`'s factors."""
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), -np.sin(angle)]).astype(dtype)


@kernel
def _quarters(re: np.ndarray, im: np.ndarray, first: int, n: int, factors: np.ndarray) -> None:
    """Split rows `first` to `first + n` into four transforms of n / 4."""
    quarter = n // 4
    cosines, sines = factors[0], factors[1]
    step = len(cosines) // n
    for a in range(first, first + quarter):
        b, c, d = a + quarter, a + 2 * quarter, a + 3 * quarter
        sum_re, sum_im = load(re, a) + load(re, c), load(im, a) + load(im, c)
        gap_re, gap_im = load(re, a) - load(re, c), load(im, a) - load(im, c)
        sum2_re, sum2_im = load(re, b) + load(re, d), load(im, b) + load(im, d)
        # Minus i times the difference.
        gap2_re, gap2_im = load(im, b) - load(im, d), load(re, d) - load(re, b)
        store(re, a, sum_re + sum2_re)
        store(im, a, sum_im + sum2_im)
        k = (a - first) * step
        cosine, sine = repeat(cosines, k), repeat(sines, k)
        _store_turned(re, im, b, gap_re + gap2_re, gap_im + gap2_im, cosine, sine)
        cosine, sine = repeat(cosines, 2 * k), repeat(sines, 2 * k)
        _store_turned(re, im, c, sum_re - sum2_re, sum_im - sum2_im, cosine, sine)
        cosine, sine = repeat(cosines, 3 * k), repeat(sines, 3 * k)
        _store_turned(re, im, d, gap_re - gap2_re, gap_im - gap2_im, cosine, sine)


@kernel
def _store_turned(
    re: np.ndarray, im: np.ndarray, row: int, x_re: Any, x_im: Any, cosine: Any, sine: Any
) -> None:
    store(re, row, x_re * cosine - x_im * sine)
    store(im, row, x_re * sine + x_im * cosine)


@kernel
def _halves(re: np.ndarray, im: np.ndarray, a: int) -> None:
    """The transform of two rows."""
    for x in (re, im):
        u, v = load(x, a), load(x, a + 1)
        store(x, a, u + v)
        store(x, a + 1, u - v)


@kernel
def _transform(re: np.ndarray, im: np.ndarray, factors: np.ndarray) -> None:
    n = part = len(re)
    while part >= 4:
        for first in range(0, n, part):
            _quarters(re, im, first, part, factors)
        part //= 4
    if part == 2:
        for first in range(0, n, 2):
            _halves(re, im, first)


@kernel
def fft(re: np.ndarray, im: np.ndarray, factors: np.ndarray) -> None:
    """Transform tiles of eight complex signals in place.

    Args:
        re: float32 (tiles, n, 8), real parts; n is a power of two. Frequency k goes to row
            `order(n)[k]`.
        im: as `re`, imaginary parts.
        factors: `turns(n)`.
    """
    for t in range(len(re)):
        _transform(re[t], im[t], factors)


@kernel
def rfft(
    even: np.ndarray,
    odd: np.ndarray,
    order: np.ndarray,
    factors: np.ndarray,
    re: np.ndarray,
    im: np.ndarray,
) -> None:
    """Transform tiles of eight real signals of n samples, by one complex transform of n / 2 each.

    Args:
        even: float (tiles, n / 2, 8), samples 0, 2, 4, ...; overwritten.
        odd: as `even`, samples 1, 3, 5, ...; overwritten.
        order: `order(n // 2)`.
        factors: `turns(n, even.dtype)`.
        re: float (tiles, n / 2 + 1 or more, 8); receives frequencies 0 to n / 2,
            their real parts.
        im: as `re`, their imaginary parts.
    """
    half = len(order)
    cosines, sines = factors[0], factors[1]
    scale = spread(0.5)
    for t in range(len(even)):
        u, v, out_re, out_im = even[t], odd[t], re[t], im[t]
        _transform(u, v, factors)
        for k in range(half // 2 + 1):
            a, b = order[k], order[(half - k) % half]
            # The transforms of the even (e) and the odd samples (o) out of that of both.
            e_re, e_im = load(u, a) + load(u, b), load(v, a) - load(v, b)
            o_re, o_im = load(v, a) + load(v, b), load(u, b) - load(u, a)
            cosine, sine = repeat(cosines, k), repeat(sines, k)
            turned_re, turned_im = o_re * cosine - o_im * sine, o_re * sine + o_im * cosine
            store(out_re, k, (e_re + turned_re) * scale)
            store(out_im, k, (e_im + turned_im) * scale)
            store(out_re, half - k, (e_re - turned_re) * scale)
            store(out_im, half - k, (turned_im - e_im) * scale)


@kernel
def irfft(
    re: np.ndarray, im: np.ndarray, factors: np.ndarray, even: np.ndarray, odd: np.ndarray
) -> None:
    """Undo `rfft`, times n, but for the order: samples 2 i and 2 i + 1 are in row `order[i]`.

    The imaginary parts of frequencies 0 and n / 2 are taken for zero, as by other libraries.
    """
    half = even.shape[1]
    cosines, sines = factors[0], factors[1]
    for t in range(len(even)):
        u, v, x, y = even[t], odd[t], re[t], im[t]
        for k in range(half // 2 + 1):
            x_re, x_im = load(x, k), load(y, k)
            y_re, y_im = load(x, half - k), load(y, half - k)
            if k == 0:
                x_im = y_im = spread(0.0)
            e_re, e_im = x_re + y_re, x_im - y_im
            turned_re, turned_im = x_re - y_re, x_im + y_im
            cosine, sine = repeat(cosines, k), repeat(sines, k)
            o_re, o_im = (
                turned_re * cosine + turned_im * sine,
                turned_im * cosine - turned_re * sine,
            )
            store(u, k, e_re - o_im)
            store(v, k, e_im + o_re)
            if k > 0:
                store(u, half - k, e_re + o_im)
                store(v, half - k, o_re - e_im)
        # With the parts swapped it is the inverse.
        _transform(v, u, factors)
