"""librosa's common descriptors of a clip, frame by frame, from one spectrogram in tiles.

librosa computes an STFT a descriptor, and spends most of its time in the medians of
harmonic-percussive separation. Here all descriptors share one spectrogram, laid out so that every
step works on eight frames or bins at a time; the numbers are librosa's to float32's rounding.

Before 0.10 librosa mirrored a signal at its ends where it now has zeros; up to 0.7 `effects.hpss`
let the waveforms end at the last frame's middle, and filled them up with zeros.
"""

from functools import cache
from typing import Literal, NamedTuple

import librosa
import numpy as np
import scipy

from soundstage import paged
from soundstage.dsp.hops import rms_and_crossings
from soundstage.dsp.hpss import harmonic
from soundstage.dsp.lanes import WIDTH
from soundstage.dsp.spectral_shape import spectral_shape
from soundstage.dsp.stft import PadMode, Spectrogram, frames, padded, supported
from soundstage.dsp.tempogram import mean_autocorrelation, onset_medians
from soundstage.dsp.tuning import peaks, tuning
from soundstage.dsp.weigh import Weights, weigh, weights

# librosa's defaults.
_ROLL_OFF = 0.85
_N_MELS = 128
_FLOOR = np.float32(1e-10)
_TOP_DB = 80
_TEMPO_SECONDS = 8.0
_N_CHROMA = 12
_N_MFCC = 20
# The medians mirror 30 frames at the end.
_MIN_FRAMES = 31

Convention = Literal["librosa-0.10", "librosa-0.7"]


class ClipDescriptors(NamedTuple):
    """What librosa's functions of these names return, and the waveforms of its `effects.hpss`."""

    chroma_stft: np.ndarray  # (12, frames)
    rms: np.ndarray  # (frames,)
    spectral_centroid: np.ndarray  # (frames,), Hz
    spectral_bandwidth: np.ndarray  # (frames,), Hz
    spectral_rolloff: np.ndarray  # (frames,), Hz
    zero_crossing_rate: np.ndarray  # (frames,)
    harmonic: np.ndarray  # float32 (n,)
    percussive: np.ndarray  # float32 (n,)
    tempo: float  # beats per minute; 0 where nothing starts
    mfcc: np.ndarray  # (20, frames)


def in_tiles(n: int, n_fft: int, hop_length: int) -> bool:
    """Whether `clip_descriptors` takes a clip of `n` samples: 31 frames, `stft.supported`."""
    return supported(n_fft, hop_length) and 1 + n // hop_length >= _MIN_FRAMES


def clip_descriptors(
    y: np.ndarray,
    sr: int,
    n_fft: int,
    hop_length: int,
    convention: Convention = "librosa-0.10",
) -> ClipDescriptors:
    """Return the descriptors of float32 (n,), full scale ±1, where `in_tiles`.

    Raises:
        ValueError: the clip is too short, or the frames are not supported.
    """
    if not in_tiles(y.size, n_fft, hop_length):
        raise ValueError(f"{y.size} samples in frames of {n_fft}, {hop_length} apart")
    early = convention == "librosa-0.7"
    pad_mode: PadMode = "reflect" if early else "constant"
    spectrogram = Spectrogram(y, n_fft, hop_length, pad_mode)
    n = spectrogram.n_frames
    rms, crossings = rms_and_crossings(spectrogram.around, y.size, n_fft, hop_length, n)
    if early:
        around = padded(y, n_fft, hop_length)
        _, crossings = rms_and_crossings(around, y.size, n_fft, hop_length, n)
        del around
    shape = np.empty((spectrogram.n_tiles, 4, WIDTH), np.float32)
    levels = np.empty((spectrogram.n_tiles, _N_MELS, WIDTH), np.float32)
    found = []
    for span in spectrogram.spans():
        tiles = spectrogram.tiles(span.start, span.stop)
        spectral_shape(tiles.power, tiles.n_bins, _ROLL_OFF, shape[span])
        weigh(*_mel(sr, n_fft), tiles.power, levels[span])
        found.append(peaks(tiles.power, shape[span, 3], tiles.n_frames, sr, n_fft))
    pitches, powers = (np.concatenate(x) for x in zip(*found, strict=True))
    del found
    chroma_filters = _chroma_filters(sr, n_fft, tuning(pitches, powers))
    del pitches, powers
    chroma = np.empty((spectrogram.n_tiles, _N_CHROMA, WIDTH), np.float32)
    # Last, as it works in the spectrogram's place.
    harmony = harmonic(
        spectrogram, y.size, lambda span, power: weigh(*chroma_filters, power, chroma[span])
    )
    centroid, bandwidth, rolloff, _ = frames(shape, n) * (np.float64(sr) / n_fft)
    _to_db(levels)
    onsets = onset_medians(levels, n, n_fft // (2 * hop_length))
    # A constant has no cosine but the first. Without it there is less to round: silence gives 0.
    middle = (levels.max() + levels.min()) / 2
    cepstrum = np.empty((spectrogram.n_tiles, _N_MFCC, WIDTH), np.float32)
    weigh(*_cosines(), np.subtract(levels, middle, out=levels), cepstrum)
    mfcc = frames(cepstrum, n)
    mfcc[0] += middle * np.sqrt(np.float32(_N_MELS))
    percussion = paged.empty(y.shape, np.float32)
    for some in paged.blocks(y):
        np.subtract(y[some], harmony[some], out=percussion[some])
        paged.release(harmony, percussion)
    if early:
        end = (n - 1) * hop_length
        harmony[end:] = percussion[end:] = 0
    return ClipDescriptors(
        librosa.util.normalize(frames(chroma, n), axis=0),
        rms,
        centroid,
        bandwidth,
        rolloff,
        crossings,
        harmony,
        percussion,
        _tempo(onsets, sr, hop_length),
        mfcc,
    )


@cache
def _mel(sr: int, n_fft: int) -> Weights:
    return weights(librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=_N_MELS))


@cache
def _cosines() -> Weights:
    return weights(scipy.fft.dct(np.eye(_N_MELS), axis=0, norm="ortho")[:_N_MFCC])


@cache  # there are a hundred tunings
def _chroma_filters(sr: int, n_fft: int, tuning: float) -> Weights:
    return weights(librosa.filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning, n_chroma=_N_CHROMA))


def _to_db(levels: np.ndarray) -> None:
    """`librosa.power_to_db` with its defaults, in place."""
    # numpy's log is vectorised, its log10 is not.
    np.log(np.maximum(levels, _FLOOR, out=levels), out=levels)
    levels *= np.float32(10 / np.log(10))
    np.maximum(levels, levels.max() - _TOP_DB, out=levels)


def _tempo(onsets: np.ndarray, sr: int, hop_length: int) -> float:
    """`librosa.beat.beat_track`'s tempo."""
    if not onsets.any():
        return 0.0
    lags = librosa.time_to_frames(_TEMPO_SECONDS, sr=sr, hop_length=hop_length).item()
    tempogram = mean_autocorrelation(onsets, librosa.filters.get_window("hann", lags))
    return librosa.feature.tempo(tg=tempogram[:, None], sr=sr, hop_length=hop_length).item()
