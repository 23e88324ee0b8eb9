"""Log-mel spectrogram as a layer, computed where the network is."""

import librosa
import torch
from torch import Tensor, nn


class LogMel(nn.Module):
    """Power in mel bands, in decibels below the clip's loudest value.

    Shape: (B, samples) float, full scale 1 -> (B, n_mels, 1 + samples // hop_length), float32

    Parameters
    ----------
    sr : sample rate in Hz
    n_fft, hop_length : samples a frame, and from one frame to the next
    n_mels : Slaney's bands of equal area, from 0 to sr / 2
    decibels : False gives the power itself
    top_db : whatever lies further below the clip's loudest value is raised to there

    Raises ValueError where a band is so narrow that no frequency bin is in it.

    Source: `librosa.feature.melspectrogram` with its defaults (centred frames, zeros beyond the
    ends, Hann window) and `librosa.power_to_db(ref=np.max)`. In float32, whose rounding shows in
    the skirts of a tone without noise: there, 60 to 80 dB down, the two differ by some 0.001 dB.
    Autocast does not reach this layer.
    """

    window: Tensor
    bands: Tensor

    def __init__(
        self,
        sr: int,
        *,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_mels: int = 128,
        decibels: bool = True,
        top_db: float = 80.0,
    ) -> None:
        super().__init__()
        edges = librosa.mel_frequencies(n_mels + 2, fmin=0.0, fmax=sr / 2)
        bins = librosa.fft_frequencies(sr=sr, n_fft=n_fft)
        inside = (bins > edges[:-2, None]) & (bins < edges[2:, None])
        if empty := int((~inside.any(1)).sum()):
            raise ValueError(
                f"{empty} of {n_mels} mel bands hold no frequency bin at {sr} Hz with "
                f"n_fft={n_fft}; lower n_mels or raise n_fft"
            )
        bands = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels)
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.decibels = decibels
        self.top_db = top_db
        # Not persistent: made from the parameters, so not to be stored with each checkpoint.
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("bands", torch.tensor(bands), persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """Analyse each clip."""
        with torch.autocast(y.device.type, enabled=False):
            S = torch.stft(
                y.float(),
                self.n_fft,
                self.hop_length,
                window=self.window,
                pad_mode="constant",
                return_complex=True,
            )
            power = self.bands @ torch.view_as_real(S).square().sum(-1)
        if not self.decibels:
            return power
        level = 10 * power.clamp(min=1e-10).log10()  # librosa's amin
        return (level - level.amax((1, 2), keepdim=True)).clamp(min=-self.top_db)
