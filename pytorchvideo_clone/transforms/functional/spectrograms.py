"""Sound as pictures: log-mel spectrograms in the layout of the acoustic models."""

import functools
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone._optional import optional_import

__all__ = ["log_mel_spectrogram", "mask_spectrogram"]


def log_mel_spectrogram(
    audio: Tensor,
    sample_rate: int,
    num_mels: int = 80,
    num_frames: int | None = None,
    window_sec: float = 0.032,
    step_sec: float = 0.016,
) -> Tensor:
    """Give the logarithm of the power in each band of the mel scale, for short windows of sound.

    Args:
        audio: (S,) or (B, S) float, samples.
        sample_rate: samples a second.
        num_mels: number of bands F.
        num_frames: number of windows T: later ones are cut off, missing ones are silence; None
            takes those there are.
        window_sec: length of a window in seconds.
        step_sec: from one window to the next, in seconds.

    Returns:
        (1, T, 1, F) or (B, 1, T, 1, F) float32.

    Raises:
        ImportError: if torchaudio is missing.
        ValueError: if there is no sample.

    Source: Xiao et al., "Audiovisual SlowFast Networks for Video Recognition", 2020,
    https://arxiv.org/abs/2001.08740, section 3.1.

    >>> log_mel_spectrogram(torch.zeros(32000), 16000, num_frames=128).shape
    torch.Size([1, 128, 1, 80])
    """
    if audio.shape[-1] == 0:
        raise ValueError(f"The audio has shape {tuple(audio.shape)}; it must hold samples.")
    window, step = round(window_sec * sample_rate), round(step_sec * sample_rate)
    # Constant padding: reflection needs more samples than half a window.
    power = _mel_bank(sample_rate, window, step, num_mels).to(audio.device)(audio.float())
    if num_frames is not None:
        power = torch.nn.functional.pad(power, (0, max(0, num_frames - power.shape[-1])))
        power = power[..., :num_frames]
    return torch.log(power + 1e-6).transpose(-1, -2).unsqueeze(-2).unsqueeze(-4)


def mask_spectrogram(
    spectrogram: Tensor, dim: int, start: int, length: int, value: float | None = None
) -> Tensor:
    """Overwrite a span of times or of frequencies.

    Args:
        spectrogram: (..., T, 1, F).
        dim: -3 for times, -1 for frequencies.
        start: first place to overwrite.
        length: how many.
        value: to write; None means the mean.

    Returns:
        A new tensor of the same shape and type.

    >>> mask_spectrogram(torch.ones(1, 2, 1, 4), -1, 1, 2, 0.0)[0, :, 0]
    tensor([[1., 0., 0., 1.],
            [1., 0., 0., 1.]])
    """
    masked = spectrogram.clone()
    masked.narrow(dim, start, length).copy_(
        spectrogram.mean() if value is None else spectrogram.new_tensor(value)
    )
    return masked


@functools.lru_cache
def _mel_bank(sample_rate: int, window: int, step: int, num_mels: int) -> Any:
    torchaudio = optional_import("torchaudio", extra="audio")
    return torchaudio.transforms.MelSpectrogram(
        sample_rate,
        n_fft=window,
        hop_length=step,
        n_mels=num_mels,
        pad_mode="constant",
    )
