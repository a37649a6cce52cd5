import pytest
import torch

from pytorchvideo_clone.transforms import ApplyTransformToKey, LogMelSpectrogram, SpecAugment


def test_collated_spectrograms_have_the_layout_of_the_acoustic_models():
    transform = ApplyTransformToKey(
        "audio", torch.nn.Sequential(LogMelSpectrogram(16000, num_frames=32), SpecAugment())
    )
    samples = [transform({"audio": torch.randn(16000)}) for _ in range(2)]
    assert torch.utils.data.default_collate(samples)["audio"].shape == (2, 1, 32, 1, 80)


def test_acoustic_resnet_takes_them():
    from pytorchvideo_clone.models import create_acoustic_resnet

    model = create_acoustic_resnet(
        model_num_class=3, stem_dim_out=8, head_pool_kernel_size=(2, 1, 1)
    ).eval()
    mel = LogMelSpectrogram(16000, num_mels=40, num_frames=32)(torch.randn(1, 10000))
    assert model(mel).shape == (1, 3)


def test_masked_spans_are_whole_rows_and_columns_no_longer_than_asked():
    picture = torch.randn(1, 60, 1, 40)
    before = picture.clone()
    lengths = set()
    for _ in range(60):
        masked = SpecAugment(1, 10, 1, 6)(picture)[0, :, 0] == picture.mean()
        rows, columns = int(masked.all(dim=1).sum()), int(masked.all(dim=0).sum())
        assert masked.sum() == rows * 40 + columns * 60 - rows * columns
        assert rows <= 10
        assert columns <= 6
        lengths.add((rows, columns))
    assert len(lengths) > 20
    assert picture.equal(before)


def test_spans_longer_than_the_picture_fit():
    assert SpecAugment(1, 500, 1, 500)(torch.randn(2, 1, 4, 1, 5)).shape == (2, 1, 4, 1, 5)


def test_the_generator_decides():
    picture = torch.randn(1, 60, 1, 40)
    masked = [
        SpecAugment(generator=torch.Generator().manual_seed(seed))(picture) for seed in (1, 1, 2)
    ]
    assert masked[0].equal(masked[1])
    assert not masked[0].equal(masked[2])


def test_negative_numbers_are_refused():
    with pytest.raises(ValueError, match="time_length -1"):
        SpecAugment(time_length=-1)
