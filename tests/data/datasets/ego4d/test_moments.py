import pytest

from pytorchvideo_clone.data.datasets.ego4d import MomentsClipSampler


def test_a_window_longer_than_the_video_is_cut_to_it():
    moment = {"label_video_start_sec": 2.0, "label_video_end_sec": 3.0}
    assert MomentsClipSampler(10)(None, 4.0, moment)[:2] == (0, 4.0)


def test_the_annotation_is_left_as_it_was():
    moment = {"label_video_start_sec": 2.0, "label_video_end_sec": 3.0}
    MomentsClipSampler(10)(None, 100.0, moment)
    assert moment == {"label_video_start_sec": 2.0, "label_video_end_sec": 3.0}


def test_a_moment_may_end_a_little_after_the_video_but_not_more():
    moment = {"label_video_start_sec": 2.0, "label_video_end_sec": 4.05}
    assert MomentsClipSampler()(None, 4.0, moment)[:2] == (2.0, 4.0)
    with pytest.raises(ValueError, match=r"ends at 4\.05 s, but the video at 3"):
        MomentsClipSampler()(None, 3.0, moment)


@pytest.mark.parametrize("window", [-1, float("nan"), float("inf")])
def test_a_window_of_no_length_is_refused(window):
    with pytest.raises(ValueError, match=rf"window_sec is {window} s; it must be 0 or more"):
        MomentsClipSampler(window)
