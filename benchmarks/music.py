"""Music to measure with: chords and drums, synthesised from a seed."""

import numpy as np

CHORDS = (
    (220.0, 261.6, 329.6),
    (174.6, 220.0, 261.6),
    (261.6, 329.6, 392.0),
    (196.0, 246.9, 293.7),
)


def music(n: int, sr: int, seed: int = 0) -> np.ndarray:
    """Synthesise float32 (n,): a chord of six harmonics every two seconds, a drum every half."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / sr
    chord = (t // 2 + seed).astype(int) % len(CHORDS)
    y = np.zeros(n)
    for voice in np.array(CHORDS).T[:, chord]:
        for harmonic in range(1, 7):
            y += 0.12 / harmonic * np.sin(2 * np.pi * harmonic * voice * t)
    y *= np.exp(-(t % 2))
    y += 0.2 * rng.standard_normal(n) * np.exp(-40 * (t % 0.5))
    return (y + 1e-4 * rng.standard_normal(n)).astype(np.float32)
