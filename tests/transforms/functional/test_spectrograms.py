import math

import pytest
import torch

from pytorchvideo_clone.transforms import functional


def tone(frequency: float, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(int(16000 * seconds)) / 16000)


def test_a_higher_tone_lies_in_a_higher_band_at_all_times():
    low, high = (
        functional.log_mel_spectrogram(tone(frequency), 16000)[0, 1:-1, 0].argmax(dim=-1)
        for frequency in (300, 3000)
    )
    assert low.unique().numel() == high.unique().numel() == 1
    assert low[0] < high[0]


def test_an_onset_lies_at_its_time():
    audio = torch.cat([torch.zeros(16000), tone(1000)])
    power = functional.log_mel_spectrogram(audio, 16000)[0, :, 0].amax(dim=-1)
    onset = int((power > power.max() - 3).nonzero()[0])
    assert onset * 0.016 == pytest.approx(1.0, abs=0.032)


@pytest.mark.parametrize("samples", [5, 8000, 40000])
def test_the_number_of_windows_is_as_asked(samples):
    assert functional.log_mel_spectrogram(torch.rand(samples), 16000, num_frames=64).shape == (
        1,
        64,
        1,
        80,
    )


def test_missing_windows_are_silence():
    mel = functional.log_mel_spectrogram(tone(500, 0.1), 16000, num_frames=64)
    torch.testing.assert_close(mel[0, 20:], torch.full((44, 1, 80), math.log(1e-6)))


def test_a_batch_is_its_samples():
    audio = torch.randn(2, 4000)
    batch = functional.log_mel_spectrogram(audio, 16000, num_mels=40)
    assert batch.shape == (2, 1, 16, 1, 40)
    torch.testing.assert_close(
        batch[1], functional.log_mel_spectrogram(audio[1], 16000, num_mels=40)
    )


def test_no_sound_is_refused():
    with pytest.raises(ValueError, match="must hold samples"):
        functional.log_mel_spectrogram(torch.zeros(0), 16000)


def test_masking_writes_the_mean_into_a_copy():
    mel = torch.arange(24.0).view(1, 6, 1, 4)
    masked = functional.mask_spectrogram(mel, -3, 2, 3)
    assert mel.equal(torch.arange(24.0).view(1, 6, 1, 4))
    assert (masked[:, 2:5] == mel.mean()).all()
    assert masked[:, :2].equal(mel[:, :2])
