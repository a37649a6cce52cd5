from collections import Counter

import pytest
import torch

from pytorchvideo_clone.transforms import (
    ApplyTransformToKey,
    Div255,
    OpSampler,
    RemoveKey,
    UniformCropVideo,
)


@pytest.mark.parametrize(
    "transform", [ApplyTransformToKey("video", Div255()), RemoveKey("label"), UniformCropVideo(4)]
)
def test_the_sample_of_the_caller_stays_as_it_was(transform):
    video = torch.rand(3, 2, 4, 6)
    sample = {"video": video, "label": 1, "aug_index": 0}
    assert transform(sample) is not sample
    assert sample.keys() == {"video", "label", "aug_index"}
    assert sample["video"] is video


def test_sample_transforms_chain_in_a_sequential():
    chain = torch.nn.Sequential(ApplyTransformToKey("video", Div255()), RemoveKey("label"))
    assert chain({"video": torch.tensor([255.0]), "label": 1}) == {"video": torch.tensor([1.0])}


def test_a_missing_key_is_named():
    with pytest.raises(KeyError, match="video"):
        ApplyTransformToKey("video", Div255())({"audio": 1})


def test_the_crop_follows_the_augmentation_index():
    video = torch.arange(6.0).expand(1, 1, 2, 6)
    left = [
        int(UniformCropVideo(2)({"video": video, "aug_index": index})["video"][0, 0, 0, 0])
        for index in range(3)
    ]
    assert left == [0, 2, 4]


def test_operations_are_drawn_by_weight():
    add = [lambda x, value=value: x + value for value in (1, 10)]
    drawn = Counter(OpSampler(add, [1.0, 4.0])(0) for _ in range(1000))
    assert drawn.keys() == {1, 10}
    assert 130 < drawn[1] < 270


def test_without_replacement_no_operation_acts_twice():
    add = [lambda x, value=value: x + value for value in (1, 10, 100)]
    assert {OpSampler(add, num_sample_op=3)(0) for _ in range(20)} == {111}


def test_a_random_depth_reaches_from_one_to_the_largest():
    add = [lambda x: x + 1] * 3
    sampler = OpSampler(add, num_sample_op=3, randomly_sample_depth=True)
    assert {sampler(0) for _ in range(100)} == {1, 2, 3}


def test_with_replacement_more_operations_than_there_are_may_act():
    assert OpSampler([lambda x: x + 1], num_sample_op=5, replacement=True)(0) == 5
