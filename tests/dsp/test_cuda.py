"""Spectra on a GPU; where there is none, the same code on torch's CPU."""

from functools import partial

import numpy as np
import pytest
import torch

from soundstage.dsp import cuda
from soundstage.errors import SoundstageError
from soundstage.features.mel import mel
from soundstage.features.mfcc import mfcc
from soundstage.features.psd import psd

SR = 22050
Y = np.random.default_rng(0).normal(0, 0.1, 5 * SR).astype(np.float32)
FEATURES = {
    "mel": partial(mel, Y, SR),
    "mel, no power of two": partial(mel, Y, SR, n_fft=551, hop_length=220, n_mels=30),
    "mfcc": partial(mfcc, Y, SR),
    "psd": partial(psd, (Y * 128).clip(-128, 127).astype(np.int8), 16000),
}


def rms(x):
    return np.sqrt(np.mean(np.square(x, dtype=np.float64)))


@pytest.mark.parametrize("n", [1, 2, 100, 441, 2048])
def test_is_the_squared_spectrum(n):
    frames = np.random.default_rng(0).normal(0, 1, (9, n)).astype(np.float32)
    expected = np.abs(np.fft.rfft(frames.astype(np.float64))).T ** 2
    power = cuda.frames_power(frames, "cpu")
    assert power.dtype == np.float32
    assert power.shape == expected.shape
    assert rms(power - expected) <= 1e-6 * rms(expected)


@pytest.mark.parametrize("name", FEATURES)
def test_differs_from_the_cpus_numbers_by_a_millionth(name, monkeypatch):
    if not torch.cuda.is_available():
        monkeypatch.setattr(cuda, "frames_power", partial(cuda.frames_power, device="cpu"))
    feature = FEATURES[name]
    on_cpu, there = feature(), feature(device="cuda")
    assert there.shape == on_cpu.shape
    assert there.dtype == on_cpu.dtype
    assert not np.array_equal(there, on_cpu)  # it did go another way
    assert rms(there - on_cpu) <= 1e-6 * rms(on_cpu)


def test_rounding_shows_far_below_a_tone_only(monkeypatch):
    if not torch.cuda.is_available():
        monkeypatch.setattr(cuda, "frames_power", partial(cuda.frames_power, device="cpu"))
    tone = np.sin(2 * np.pi * 440 / SR * np.arange(5 * SR)).astype(np.float32)
    on_cpu, there = mel(tone, SR), mel(tone, SR, device="cuda")
    below, error = on_cpu.max() - on_cpu, np.abs(there - on_cpu)
    assert below.max() > 130
    assert error[below < 80].max() < 0.001
    assert error[below < 100].max() < 0.02
    assert error[below < 120].max() < 0.5


def test_a_clip_of_several_blocks(monkeypatch):
    monkeypatch.setattr("soundstage.dsp.power._CUDA_BLOCK", 2**15)
    monkeypatch.setattr(cuda, "frames_power", partial(cuda.frames_power, device="cpu"))
    np.testing.assert_allclose(mel(Y, SR, device="cuda"), mel(Y, SR), atol=1e-3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_an_error_that_says_so():
    with pytest.raises(SoundstageError, match="device: cuda, but torch finds no GPU here; set it"):
        mel(Y, SR, device="cuda")
