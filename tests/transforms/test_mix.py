import pytest
import torch

from pytorchvideo_clone.transforms import CutMix, MixUp, MixVideo


def batch(count: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Clips of one grey value each, 0 to 1, their numbers as labels, and sounds of that value."""
    values = torch.linspace(0, 1, count)
    video = values.view(-1, 1, 1, 1, 1).expand(-1, 3, 2, 10, 12).contiguous()
    return video, torch.arange(count), values[:, None].expand(-1, 5).contiguous()


@pytest.mark.parametrize("mix", [MixUp, CutMix, lambda **o: MixVideo(0.5, **o)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_labels_and_sound_hold_as_much_of_each_clip_as_the_pixels(mix, smoothing):
    video, labels, audio = batch()
    mixer = mix(num_classes=4, label_smoothing=smoothing)
    for seed in range(10):
        torch.manual_seed(seed)
        mixed, sound, weights = mixer(video, labels, audio)
        assert (mixed.shape, sound.shape, weights.shape) == (video.shape, audio.shape, (4, 4))
        torch.testing.assert_close(weights.sum(1), torch.ones(4))
        # Clip 0 is black and its partner white, so the mean is the partner's share.
        share = float(mixed[0].mean())
        torch.testing.assert_close(sound[0], torch.full((5,), share))
        expected = share * (1 - smoothing) + smoothing / 4
        torch.testing.assert_close(float(weights[0, 3]), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mix", [MixUp, CutMix, MixVideo])
def test_rows_of_weights_are_taken_as_labels(mix):
    video, _, _ = batch(2)
    weights = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    mixed, out = mix(one_hot=True)(video, weights)
    share = float(mixed[0].mean())
    torch.testing.assert_close(out[0], weights[0] * (1 - share) + weights[1] * share)
    assert weights.tolist() == [[1.0, 0.0], [0.25, 0.75]]


def test_cut_mix_keeps_bytes_and_mix_up_makes_floats():
    video, labels, _ = batch()
    pixels = (video * 255).byte()
    assert CutMix()(pixels, labels)[0].dtype == torch.uint8
    assert MixUp()(pixels, labels)[0].dtype == torch.float32


def test_images_are_mixed_as_clips_are():
    video, labels, _ = batch()
    for mix in (MixUp(), CutMix()):
        assert mix(video[:, :, 0], labels)[0].shape == (4, 3, 10, 12)


def test_the_probability_chooses_between_the_two():
    video, labels, _ = batch(2)

    def cut(probability: float) -> int:
        mix = MixVideo(probability, generator=torch.Generator().manual_seed(0))
        drawn = [mix(video, labels)[0][0].unique() for _ in range(100)]
        # Pasting leaves black and white; blending makes another grey.
        return sum(bool(((values == 0) | (values == 1)).all()) for values in drawn)

    assert (cut(0.0), cut(1.0)) == (0, 100)
    assert 15 < cut(0.3) < 45


@pytest.mark.parametrize("mix", [MixUp, CutMix, MixVideo])
def test_a_single_clip_or_missing_labels_are_refused(mix):
    with pytest.raises(AssertionError, match=r"1 clip;.*drop_last"):
        mix()(torch.zeros(1, 3, 2, 4, 4), torch.tensor([0]))
    with pytest.raises(AssertionError, match="3 clips and 2 labels"):
        mix()(torch.zeros(3, 3, 2, 4, 4), torch.tensor([0, 1]))


@pytest.mark.parametrize("mix", [MixUp, CutMix, MixVideo])
def test_labels_must_be_what_one_hot_says(mix):
    video, labels, _ = batch()
    with pytest.raises(ValueError, match=r"shape \(4, 4\) and one_hot is False"):
        mix(num_classes=4)(video, torch.eye(4))
    with pytest.raises(ValueError, match=r"shape \(4,\) and one_hot is True"):
        mix(one_hot=True)(video, labels)


def test_an_alpha_of_nothing_is_refused():
    for mix in (MixUp, CutMix):
        with pytest.raises(ValueError, match="alpha is 0"):
            mix(alpha=0)
