"""From samples of sound to the input of the acoustic models."""

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform

__all__ = ["LogMelSpectrogram", "SpecAugment"]


class LogMelSpectrogram(Transform):
    """Turn sound into the picture that acoustic models see: `functional.log_mel_spectrogram`.

    Args:
        sample_rate: samples a second.
        num_mels: as in the function, like all that follow.
        num_frames: as there; audio-visual SlowFast takes 128, for about 2 seconds.
        window_sec: as there.
        step_sec: as there.

    >>> LogMelSpectrogram(16000, num_frames=128)(torch.zeros(34000)).shape
    torch.Size([1, 128, 1, 80])
    """

    def __init__(
        self,
        sample_rate: int,
        num_mels: int = 80,
        num_frames: int | None = None,
        window_sec: float = 0.032,
        step_sec: float = 0.016,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.num_mels = num_mels
        self.num_frames = num_frames
        self.window_sec = window_sec
        self.step_sec = step_sec

    def forward(self, x: Tensor) -> Tensor:
        """Map (S,) to (1, T, 1, F), or (B, S) to (B, 1, T, 1, F)."""
        return functional.log_mel_spectrogram(
            x, self.sample_rate, self.num_mels, self.num_frames, self.window_sec, self.step_sec
        )


class SpecAugment(Transform):
    """Overwrite spans of times and of frequencies with the mean, at random.

    torchaudio's masks draw from torch's generator only, hence arithmetic of our own.

    Args:
        time_masks: how many spans of times.
        time_length: longest of them, in windows.
        frequency_masks: how many spans of frequencies.
        frequency_length: longest of them, in bands.
        generator: draws; None means torch's own.

    Raises:
        ValueError: if a number is negative.

    Source: Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
    Recognition", Interspeech 2019, https://arxiv.org/abs/1904.08779, section 2.

    >>> SpecAugment()(torch.randn(1, 128, 1, 80)).shape
    torch.Size([1, 128, 1, 80])
    """

    def __init__(
        self,
        time_masks: int = 2,
        time_length: int = 25,
        frequency_masks: int = 2,
        frequency_length: int = 15,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if min(time_masks, time_length, frequency_masks, frequency_length) < 0:
            raise ValueError(
                f"time_masks is {time_masks}, time_length {time_length}, frequency_masks "
                f"{frequency_masks} and frequency_length {frequency_length}; none may be negative."
            )
        self.time_masks = time_masks
        self.time_length = time_length
        self.frequency_masks = frequency_masks
        self.frequency_length = frequency_length
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Overwrite parts of (..., T, 1, F); a batch shares its spans."""
        spans = [(-3, self.time_length)] * self.time_masks
        spans += [(-1, self.frequency_length)] * self.frequency_masks
        mean, masked = float(x.mean()), x
        for dim, longest in spans:
            length = functional.random_size(0, min(longest, x.shape[dim]), self.generator)
            start = functional.random_size(0, x.shape[dim] - length, self.generator)
            masked = functional.mask_spectrogram(masked, dim, start, length, mean)
        return masked
