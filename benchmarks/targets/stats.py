"""The 58 columns of a 30-second clip on one core, against librosa as people write it."""

import librosa
import numpy as np
from measure import Line, paired
from music import music
from threadpoolctl import threadpool_limits

from soundstage.features.librosa_stats import COLUMNS, librosa_stats

SR = 22050


def as_people_write_it(y: np.ndarray) -> np.ndarray:
    """One call of librosa a descriptor."""
    harmony, perceptr = librosa.effects.hpss(y)
    descriptors = [
        librosa.feature.chroma_stft(y=y, sr=SR),
        librosa.feature.rms(y=y),
        librosa.feature.spectral_centroid(y=y, sr=SR),
        librosa.feature.spectral_bandwidth(y=y, sr=SR),
        librosa.feature.spectral_rolloff(y=y, sr=SR),
        librosa.feature.zero_crossing_rate(y),
        harmony,
        perceptr,
    ]
    tempo, _ = librosa.beat.beat_track(y=y, sr=SR)
    mfcc = librosa.feature.mfcc(y=y, sr=SR)
    moments = [(x.mean(), x.var()) for x in (*descriptors, *mfcc)]
    return np.hstack([y.size, *moments[:8], tempo, *moments[8:]])


def measure() -> list[Line]:
    """Return the one line of this area."""
    y = music(30 * SR, SR)
    with threadpool_limits(1):
        row, expected = librosa_stats(y, SR), as_people_write_it(y)
        off = np.abs(row / expected - 1)
        tempo = COLUMNS.index("tempo")
        same = "identical" if row[tempo] == expected[tempo] else "different"
        line = paired(
            "58 columns of a 30-s clip",
            lambda: librosa_stats(y, SR),
            "librosa, one call a descriptor",
            lambda: as_people_write_it(y),
            target=50,
            rounds=11,
            agreement=f"58 values within {off.max():.0e}, tempo {same}",
            bound="of the time: transform in float64, as librosa's, 25 %; inverse in float32 9 %; "
            "framing and overlap-add 10 %; medians 13 %; tempo 14 %; chroma and tuning 7 %; mask, "
            "power and spectral shape 8 %; the rest is memory and mel, MFCC, RMS, moments",
        )
    return [line]
