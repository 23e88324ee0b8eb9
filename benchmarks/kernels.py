"""What the hand-written kernels of `soundstage.dsp` are worth: the end of docs/kernels.md.

Each feature that they serve is computed a second time on a library's FFT (`scipy.fft`) and plain
numba loops, written as well as plain loops allow, and both run in turn. The road of a clip, all
that `dvc repro` does with it from the MP3 to the last feature, then takes so much longer without
the kernels. One core; about two minutes.

    OMP_NUM_THREADS=1 python benchmarks/kernels.py
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import librosa
import numba
import numpy as np
import scipy
import soundfile
from bench import machine
from measure import Line, paired, seconds
from music import music
from threadpoolctl import threadpool_limits

from soundstage import audio, params, registry
from soundstage.dsp.power import windowed
from soundstage.features.librosa_stats import librosa_stats
from soundstage.features.librosa_stats_slices import librosa_stats_slices
from soundstage.features.mel import mel
from soundstage.features.mfcc import mfcc
from soundstage.features.psd import psd
from soundstage.files import whole_or_not_at_all

PAGE, HEADING = Path(__file__).parents[1] / "docs" / "kernels.md", "## Measured\n"
SR, SECONDS = 22050, 30
BLOCK = 64  # frames transformed at a time: 64 x 2,048 float32 are 512 KiB
RADIUS = 15  # of the medians

plain = numba.njit(error_model="numpy", fastmath=True)


@plain
def _add_bands(power: np.ndarray, values: np.ndarray, first: np.ndarray, out: np.ndarray) -> None:
    """Sum (frames, bins) under bands, of which `values` has the columns from `first` on."""
    for t in range(len(power)):
        for band in range(len(values)):
            total = np.float32(0)
            for i in range(values.shape[1]):
                total += values[band, i] * power[t, first[band] + i]
            out[t, band] = total


@plain
def _squared(spectra: np.ndarray, power: np.ndarray) -> None:
    for t in range(len(spectra)):
        for k in range(spectra.shape[1]):
            z = spectra[t, k]
            power[t, k] = z.real * z.real + z.imag * z.imag


@plain
def _running_median(x: np.ndarray, out: np.ndarray) -> None:
    """Medians of 31 along the rows of (rows, n), the ends mirrored, by a sorted window."""
    rows, n = x.shape
    window = np.empty(2 * RADIUS + 1, np.float32)
    line = np.empty(n + 2 * RADIUS, np.float32)
    for r in range(rows):
        for i in range(RADIUS):
            line[i], line[n + RADIUS + i] = x[r, RADIUS - 1 - i], x[r, n - 1 - i]
        line[RADIUS : RADIUS + n] = x[r]
        window[:] = np.sort(line[: 2 * RADIUS + 1])
        out[r, 0] = window[RADIUS]
        for i in range(1, n):
            old, new = line[i - 1], line[i + 2 * RADIUS]
            at = np.searchsorted(window, old)
            while at < 2 * RADIUS and window[at + 1] < new:
                window[at] = window[at + 1]
                at += 1
            while at > 0 and window[at - 1] > new:
                window[at] = window[at - 1]
                at -= 1
            window[at] = new
            out[r, i] = window[RADIUS]


@plain
def _overlap_add(frames: np.ndarray, window: np.ndarray, hop: int, y: np.ndarray) -> None:
    weight = np.zeros_like(y)
    for t in range(len(frames)):
        for i in range(len(window)):
            y[t * hop + i] += frames[t, i] * window[i]
            weight[t * hop + i] += window[i] * window[i]
    for i in range(len(y)):
        if weight[i] > 0:
            y[i] /= weight[i]


@plain
def _shape(power: np.ndarray, out: np.ndarray) -> None:
    """Centroid, bandwidth and roll-off of (frames, bins), in bins."""
    bins = power.shape[1]
    magnitude = np.empty(bins, np.float32)
    for t in range(len(power)):
        total = moment = np.float32(0)
        for k in range(bins):
            magnitude[k] = np.sqrt(power[t, k])
            total += magnitude[k]
            moment += magnitude[k] * k
        norm = total if total > np.float32(1e-37) else np.float32(1)
        centroid, so_far, below, spread = moment / norm, np.float32(0), 0, np.float32(0)
        for k in range(bins):
            so_far += magnitude[k]
            below += so_far < np.float32(0.85) * total
            spread += magnitude[k] * (k - centroid) ** 2
        out[0, t], out[1, t], out[2, t] = centroid, np.sqrt(spread / norm), below


@plain
def _median_rises(levels: np.ndarray, out: np.ndarray) -> None:
    """Median over bands of the rises of (frames, bands) from one frame to the next."""
    for t in range(1, len(levels)):
        out[t] = np.median(np.maximum(levels[t] - levels[t - 1], np.float32(0)))


def bands(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each band's columns that are not zero, all as wide as the widest, and the first."""
    used = matrix > 0
    width = int(used.sum(axis=1).max())
    first = np.minimum(used.argmax(axis=1), matrix.shape[1] - width)
    columns = first[:, None] + np.arange(width)
    return np.take_along_axis(matrix, columns, 1).astype(np.float32), first


def plain_power(
    y: np.ndarray, window: np.ndarray, *, start: int, hop: int, frames: int, centre: bool = False
) -> np.ndarray:
    """Return the power spectra (frames, bins) of windowed frames."""
    power = np.empty((frames, len(window) // 2 + 1), np.float32)
    cuts = np.empty((BLOCK, len(window)), np.float32)
    for t in range(0, frames, BLOCK):
        some = cuts[: min(BLOCK, frames - t)]
        windowed(y, start + t * hop, hop, window, centre, some)
        _squared(scipy.fft.rfft(some, workers=1), power[t : t + len(some)])
    return power


HANN = scipy.signal.get_window("hann", 2048).astype(np.float32)
MEL = bands(librosa.filters.mel(sr=SR, n_fft=2048, n_mels=128))


def plain_levels(power: np.ndarray) -> np.ndarray:
    """Return mel levels (frames, bands) in dB, at most 80 below the greatest."""
    levels = np.empty((len(power), 128), np.float32)
    _add_bands(power, *MEL, levels)
    np.log(np.maximum(levels, np.float32(1e-10), out=levels), out=levels)
    levels *= np.float32(10 / np.log(10))
    return np.maximum(levels, levels.max() - 80, out=levels)


def plain_mel(y: np.ndarray) -> np.ndarray:
    """Return what `mel` does."""
    power = plain_power(y, HANN, start=-1024, hop=512, frames=1 + len(y) // 512)
    return np.ascontiguousarray(plain_levels(power).T)


def plain_mfcc(y: np.ndarray) -> np.ndarray:
    """Return what `mfcc` does."""
    cuts = y[: len(y) // (3 * SR) * 3 * SR].reshape(-1, 3 * SR)
    return np.stack([scipy.fft.dct(plain_mel(cut), axis=0, norm="ortho")[:13].T for cut in cuts])


def plain_psd(y: np.ndarray) -> np.ndarray:
    """Return what `psd` does."""
    w = scipy.signal.get_window(("tukey", 0.25), 256)
    window = (w / np.sqrt(np.sum(w**2))).astype(np.float32)
    power = plain_power(y, window, start=0, hop=224, frames=(len(y) - 32) // 224, centre=True)
    power[:, 1:128] *= 2
    return np.ascontiguousarray(power.T)


def plain_stats(y: np.ndarray) -> list[np.ndarray]:
    """Return what `librosa_stats` takes its moments of, but for chroma and tempo.

    These two, RMS and crossings are taken as free here, so that the plain way looks better than it
    is.
    """
    n = 1 + len(y) // 512
    around = np.pad(y, 1024)
    cuts = np.lib.stride_tricks.sliding_window_view(around, 2048)[::512][:n]
    spectra = np.empty((n, 1025), np.complex64)
    for t in range(0, n, BLOCK):
        spectra[t : t + BLOCK] = scipy.fft.rfft(
            cuts[t : t + BLOCK] * HANN.astype(np.float64), workers=1
        )
    power = np.empty((n, 1025), np.float32)
    _squared(spectra, power)
    shape = np.empty((3, n), np.float32)
    _shape(power, shape)
    levels = plain_levels(power)
    rises = np.zeros(n, np.float32)
    _median_rises(levels, rises)
    coefficients = scipy.fft.dct(levels, axis=1, norm="ortho")[:, :20]
    along_frequency, along_time = np.empty_like(power), np.empty((1025, n), np.float32)
    _running_median(power, along_frequency)
    _running_median(np.ascontiguousarray(power.T), along_time)
    harmonic = along_time.T
    mask = harmonic / np.maximum(harmonic + along_frequency, np.float32(1e-37))
    out = np.zeros(len(around) + 2048, np.float32)
    _overlap_add(scipy.fft.irfft(spectra * mask, workers=1), HANN, 512, out)
    harmony = out[1024 : 1024 + len(y)]
    return [*shape, rises, *coefficients.T, harmony, y - harmony]


def plain_slices(y: np.ndarray) -> list[list[np.ndarray]]:
    """Return `plain_stats` of each 3 s."""
    return [plain_stats(cut) for cut in y.reshape(-1, 3 * SR)]


def road(file: Path) -> dict[str, float]:
    """Return how long each waveform and feature of params.yaml takes of a file, in seconds."""
    loaded = params.load()
    limits = audio.Limits(
        audio.ffmpeg_binary("bundled"),
        loaded.top.decode.timeout_seconds,
        **loaded.top.decode.shaping,
        in_process=True,
    )
    ways: dict[str, Callable[[], Any]] = {}
    for name, kept in loaded.top.waveforms.items():
        ways[name] = partial(audio.waveform, file, kept.sr, kept.dtype, limits)
    stored = {name: way()[0] for name, way in ways.items()}
    for name, feature in loaded.features.items():
        waveform = loaded.top.waveforms.get(feature.input)
        sr = waveform.sr if waveform else 0
        source = audio.samples(stored[feature.input]) if waveform else stored[feature.input]
        function = registry.component("features", feature.kind)
        ways[name] = partial(function, source, sr, **feature.arguments)
        stored[name] = ways[name]()
    return {name: median(seconds(way) for _ in range(7)) for name, way in ways.items()}


def main() -> None:
    """Measure, and write the end of docs/kernels.md."""
    y = music(SECONDS * SR, SR)
    pcm8 = np.rint(127 * np.clip(music(SECONDS * 16000, 16000), -1, 1)).astype(np.int8)
    assert np.allclose(plain_mel(y), mel(y, SR, top_db=80.0), atol=1e-3)
    assert np.allclose(plain_psd(pcm8), psd(pcm8, 16000), rtol=1e-3, atol=1e-2)
    assert np.allclose(plain_mfcc(y), mfcc(y, SR), atol=1e-2)
    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "psd": (partial(psd, pcm8, 16000), partial(plain_psd, pcm8)),
        "mel": (partial(mel, y, SR, top_db=80.0), partial(plain_mel, y)),
        "mfcc": (partial(mfcc, y, SR), partial(plain_mfcc, y)),
        "librosa_stats": (partial(librosa_stats, y, SR), partial(plain_stats, y)),
        "librosa_stats_slices": (partial(librosa_stats_slices, y, SR), partial(plain_slices, y)),
    }
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        lines = [paired(name, *_against(pair), target=1) for name, pair in pairs.items()]
        file = Path(folder) / "clip.mp3"
        soundfile.write(file, np.stack([music(SECONDS * 44100, 44100)] * 2, 1), 44100)
        took = road(file)
    print(page := table(lines, took))
    text = PAGE.read_text("utf-8").partition(HEADING)[0]
    with whole_or_not_at_all(PAGE) as temporary:
        temporary.write_text(f"{text}{HEADING}{page}", "utf-8")


def table(lines: list[Line], took: dict[str, float]) -> str:
    """Return the measurement as Markdown."""
    whole = sum(took.values())
    slower = whole + sum(took[line.what] * (line.ratio - 1) for line in lines)
    rows = [
        f"| {line.what} | {1000 * line.ours:.2f} | {1000 * line.reference:.2f} | {line.ratio:.1f} |"
        for line in lines
    ]
    return "\n".join(
        [
            "",
            f"By `python benchmarks/kernels.py` on {machine()}, a 30-s clip, one thread:",
            "",
            "| feature | kernels, ms | plain, ms | ratio |",
            "|---|---|---|---|",
            *rows,
            "",
            f"The whole road of a clip, from a 44.1 kHz MP3 through the {len(took)} waveforms and",
            f"features of `params.yaml`, takes {1000 * whole:.0f} ms; on plain loops it would take "
            f"{1000 * slower:.0f} ms,",
            f"{slower / whole:.2f} times as long. The bound for keeping the kernels is 1.25.",
            "",
        ]
    )


def _against(pair: tuple[Callable[[], Any], Callable[[], Any]]) -> tuple[Any, str, Any]:
    return pair[0], "scipy.fft and plain loops", pair[1]


if __name__ == "__main__":
    main()
