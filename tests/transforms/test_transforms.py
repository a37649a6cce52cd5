import pickle
import subprocess
import sys

import pytest
import torch

from pytorchvideo_clone import transforms

# One example of every transform of a clip: name -> (settings, shape for a clip of (3, T, H, W)).
CLIPS = {
    "CenterCrop": ((5,), lambda t, h, w: (3, t, 5, 5)),
    "ConvertFloatToUint8": ((), lambda t, h, w: (3, t, h, w)),
    "ConvertUint8ToFloat": ((), lambda t, h, w: (3, t, h, w)),
    "Div255": ((), lambda t, h, w: (3, t, h, w)),
    "MoveChannelFront": ((), lambda t, h, w: (w, 3, t, h)),
    "MoveChannelRear": ((), lambda t, h, w: (t, h, w, 3)),
    "Normalize": (([0.5] * 3, [0.2] * 3), lambda t, h, w: (3, t, h, w)),
    "Permute": (((1, 0, 2, 3),), lambda t, h, w: (t, 3, h, w)),
    "RandomCrop": (((4, 5),), lambda t, h, w: (3, t, 4, 5)),
    "RandomHorizontalFlip": ((), lambda t, h, w: (3, t, h, w)),
    "RandomResizedCrop": ((6, 8, (0.1, 1.0), (0.5, 2.0)), lambda t, h, w: (3, t, 6, 8)),
    "RandomShortSideScale": (
        (6, 6),
        lambda t, h, w: (3, t, h * 6 // min(h, w), w * 6 // min(h, w)),
    ),
    "ShortSideScale": ((6,), lambda t, h, w: (3, t, h * 6 // min(h, w), w * 6 // min(h, w))),
    "UniformTemporalSubsample": ((4,), lambda t, h, w: (3, 4, h, w)),
}
# Transforms of samples or into lists, tested in the files of their modules.
OTHERS = {
    "ApplyTransformToKey",
    "BatchTransform",
    "ClipTransform",
    "ColorJitter",
    "LabelAwareFlip",
    "LogMelSpectrogram",
    "OpSampler",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomTokenMask",
    "RemoveKey",
    "RepeatedAugmentation",
    "SeveralViews",
    "SpecAugment",
    "TrivialAugment",
    "TubeTokenMask",
    "UniformCropVideo",
    "UniformTemporalSubsampleRepeated",
    "preview",
}
FLOAT_ONLY = {"Normalize", "ConvertFloatToUint8"}
TYPED = [
    (name, dtype)
    for name in CLIPS
    for dtype in (torch.float32, torch.uint8)
    if not (name in FLOAT_ONLY and dtype == torch.uint8)
    and not (name == "ConvertUint8ToFloat" and dtype == torch.float32)
]


def example(name: str) -> torch.nn.Module:
    return getattr(transforms, name)(*CLIPS[name][0])


def test_every_transform_has_an_example():
    assert set(transforms.__all__) == CLIPS.keys() | OTHERS


@pytest.mark.parametrize("shape", [(1, 9, 9), (5, 7, 11), (8, 13, 6)])
@pytest.mark.parametrize(("name", "dtype"), TYPED)
def test_shape_and_input_are_as_promised(name, dtype, shape):
    clip = (torch.rand(3, *shape) * (255 if dtype == torch.uint8 else 1)).to(dtype)
    before = clip.clone()
    out = example(name)(clip)
    assert out.shape == CLIPS[name][1](*shape)
    assert clip.equal(before)


@pytest.mark.parametrize("name", CLIPS)
def test_transforms_are_pickled_for_workers(name):
    clip = torch.rand(3, 4, 9, 9)
    clip = clip.mul(255).byte() if name == "ConvertUint8ToFloat" else clip
    module = example(name)
    torch.manual_seed(0)
    expected = module(clip)
    torch.manual_seed(0)
    assert pickle.loads(pickle.dumps(module))(clip).equal(expected)


@pytest.mark.parametrize("name", [name for name in CLIPS if name.startswith("Random")])
def test_random_transforms_follow_torchs_generator(name):
    clip = torch.rand(3, 2, 12, 15)
    torch.manual_seed(7)
    first = example(name)(clip)
    torch.manual_seed(7)
    assert example(name)(clip).equal(first)


def test_scaling_bytes_then_converting_equals_converting_then_scaling():
    clip = torch.randint(0, 256, (3, 4, 20, 30), dtype=torch.uint8)
    scale, convert = transforms.ShortSideScale(12), transforms.ConvertUint8ToFloat()
    # One grey value: bytes are rounded after scaling.
    torch.testing.assert_close(convert(scale(clip)), scale(convert(clip)), atol=1.01 / 255, rtol=0)


def test_random_short_side_reaches_both_ends():
    clip = torch.zeros(3, 1, 4, 8)
    sizes = {transforms.RandomShortSideScale(3, 5)(clip).shape[2] for _ in range(60)}
    assert sizes == {3, 4, 5}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transforms.RandomShortSideScale(8, 4), "min_size is 8 and max_size 4"),
        (lambda: transforms.RandomHorizontalFlip(1.5), "p is 1.5"),
        (lambda: transforms.Permute((0, 0, 1)), r"dims is \(0, 0, 1\)"),
    ],
)
def test_settings_that_cannot_work_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_importing_the_transforms_does_not_import_torchvision():
    code = "import sys, pytorchvideo_clone.transforms; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
