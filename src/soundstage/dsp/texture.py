"""Timbral texture: how a short-time spectrum lies and moves within windows of some seconds.

The 19 numbers of Tzanetakis and Cook 2002 ("Musical genre classification of audio signals", IEEE
Transactions on Speech and Audio Processing 10(5), section III.A).
"""

import librosa
import numpy as np
import scipy

from soundstage.errors import SoundstageError

N_MFCC = 5  # "the first five coefficients", that of the DC component not counted
_MFCC = tuple(f"mfcc{i}" for i in range(1, N_MFCC + 1))
_TRACES = ("centroid", "rolloff", "flux", "zero_crossings", *_MFCC)
COLUMNS: tuple[str, ...] = (
    *(f"{name}_{statistic}" for name in _TRACES for statistic in ("mean", "var")),
    "low_energy",
)


def texture(
    y: np.ndarray,
    sr: int,
    *,
    frame_length: int,
    texture_seconds: float,
    rolloff: float,
    n_mels: int,
) -> np.ndarray:
    """Describe each texture window by mean and variance (of the population) over its frames.

    Frames follow each other without overlap, under a Hann window. M is the magnitude spectrum of
    one. A frame of zeros gives 0 everywhere (its bands are all at the floor of -100 dB).

    * centroid, Hz: sum of f M / sum of M;
    * rolloff, Hz: the least f below which the share `rolloff` of the sum of M lies;
    * flux: sum of (N - N of the frame before)^2, with N = M at unit length; 0 for the first frame
      of a clip;
    * zero_crossings: changes of sign in a frame;
    * mfcc1 to mfcc5: orthonormal DCT of 10 log10 of the power in mel bands, without mfcc0;
    * low_energy: the share of the window's frames whose RMS is below the mean of those RMS.

    Args:
        y: float32 (n,), at least one sample.
        sr: sample rate in Hz.
        frame_length: samples a frame; 512 at 22,050 Hz in the source.
        texture_seconds: length of a texture window, rounded to whole frames.
        rolloff: share, between 0 and 1.
        n_mels: mel bands under the MFCC.

    Returns:
        float64 (windows, 19), in the order of `COLUMNS`. A remainder shorter than a window is
        left out; a clip shorter than one is one window, a clip shorter than a frame one frame
        that ends in zeros.

    Raises:
        SoundstageError: a mel band that no frequency bin lies in.
    """
    bands = librosa.filters.mel(sr=sr, n_fft=frame_length, n_mels=n_mels)
    if not bands.any(axis=1).all():
        raise SoundstageError(
            f"a mel band is empty with n_mels={n_mels} at {sr} Hz and frames of {frame_length} "
            "samples; lower n_mels or lengthen the frames"
        )
    # Sparse, and sums below instead of products of matrices: those round by the number of threads.
    weights = scipy.sparse.csr_array(bands.astype(np.float64))
    padded = librosa.util.fix_length(y, size=max(y.size, frame_length))
    count = padded.size // frame_length
    frames = padded[: count * frame_length].reshape(count, frame_length)
    width = min(count, max(1, round(texture_seconds * sr / frame_length)))
    starts = range(0, count - width + 1, width)
    window = librosa.filters.get_window("hann", frame_length)
    frequencies = librosa.fft_frequencies(sr=sr, n_fft=frame_length)
    rows = []
    for start in starts:
        # One frame more on the left, whose only use is the flux; window by window, so that an
        # hour of audio needs no spectrogram of an hour.
        before = max(start - 1, 0)
        x = frames[before : start + width].astype(np.float64)
        M = np.abs(scipy.fft.rfft(x * window))
        flux = _flux(M) if start else np.append(0.0, _flux(M))
        x, M = x[start - before :], M[start - before :]
        decibels = 10 * np.log10(np.maximum((weights @ (M**2).T).T, 1e-10))
        traces = (
            _ratio((M * frequencies).sum(axis=1), M.sum(axis=1)),
            frequencies[_rolloff_bin(M, rolloff)],
            flux,
            np.count_nonzero(np.diff(np.signbit(x), axis=1), axis=1),
            *scipy.fft.dct(decibels, norm="ortho")[:, 1 : 1 + N_MFCC].T,
        )
        rms = np.sqrt(np.mean(x**2, axis=1))
        statistics = [f(trace) for trace in traces for f in (np.mean, np.var)]
        rows.append([*statistics, np.mean(rms < rms.mean())])
    return np.array(rows)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _rolloff_bin(M: np.ndarray, share: float) -> np.ndarray:
    total = np.cumsum(M, axis=1)
    return np.argmax(total >= share * total[:, -1:], axis=1)


def _flux(M: np.ndarray) -> np.ndarray:
    """Return (frames - 1,) squared distances of neighbouring spectra of unit length."""
    N = _ratio(M, np.broadcast_to(np.linalg.norm(M, axis=1, keepdims=True), M.shape))
    return np.sum(np.diff(N, axis=0) ** 2, axis=1)
