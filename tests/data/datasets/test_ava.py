import random

from pytorchvideo_clone.data.clip_sampling import RandomClipSampler
from pytorchvideo_clone.data.datasets.ava import TimeStampClipSampler


def test_the_clip_is_centred_on_the_annotated_second():
    sampler = TimeStampClipSampler(RandomClipSampler(3))
    (clip,) = sampler.clips(100, {"clip_index": 20.0}, random.Random(0))
    assert (clip.clip_start_sec, clip.clip_end_sec, clip.is_last_clip) == (18.5, 21.5, True)
    assert sampler.samples_per_video == 1
