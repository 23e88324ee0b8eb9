import librosa
import numpy as np
import pytest

from soundstage.dsp.stft import Spectrogram, frames, supported


@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 512), (1024, 128), (64, 16)])
@pytest.mark.parametrize("extra", [0, 1, 100])
@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
def test_is_librosas(n_fft, hop, extra, pad_mode):
    y = np.random.default_rng(0).normal(size=37 * hop + extra).astype(np.float32)
    expected = librosa.stft(y, n_fft=n_fft, hop_length=hop, pad_mode=pad_mode)
    spectrogram = Spectrogram(y, n_fft, hop, pad_mode)
    tiles = spectrogram.tiles(0, spectrogram.n_tiles)
    assert tiles.n_frames == expected.shape[1]
    found = frames(tiles.re, tiles.n_frames) + 1j * frames(tiles.im, tiles.n_frames)
    np.testing.assert_allclose(found[: tiles.n_bins], expected, rtol=1e-6, atol=1e-6)
    power = frames(tiles.power, tiles.n_frames)[: tiles.n_bins]
    np.testing.assert_allclose(power, np.abs(expected) ** 2, rtol=1e-5, atol=1e-9)


def test_padding_is_silent():
    y = np.ones(33 * 512, np.float32)
    tiles = Spectrogram(y, 2048, 512).tiles(0, 5)
    assert tiles.n_frames == 34
    assert tiles.power.shape == (5, 1032, 8)
    assert not tiles.power[:, 1025:].any()
    assert not tiles.power[-1, :, 2:].any()


def test_tiles_are_the_same_in_whatever_span_they_are_made():
    y = np.random.default_rng(0).normal(size=37 * 512).astype(np.float32)
    spectrogram = Spectrogram(y, 2048, 512)
    whole = spectrogram.tiles(0, 5)
    for first, stop in ((0, 1), (1, 4), (3, 5)):
        some = spectrogram.tiles(first, stop)
        assert some.n_frames == min(38 - 8 * first, 8 * (stop - first))
        for part, all_of_it in zip(some[:3], whole[:3], strict=True):
            assert part.tobytes() == all_of_it[first:stop].tobytes()


def test_supported_frames():
    assert supported(2048, 512)
    assert supported(64, 8)
    assert not supported(2048, 1024)  # the windows' sum would come near zero
    assert not supported(2048, 500)
    assert not supported(1536, 384)
    assert not supported(32, 8)
