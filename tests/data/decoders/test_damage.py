"""Damaged files through every decoder: the good frames, never a wrong one, or a typed error."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video

# Of a file that ends too soon, PyAV reads what decord does not.
pytestmark = pytest.mark.filterwarnings("ignore:decoder=.* does not read")

GROUPS_OF_12 = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"}

# Good frames that come out only after damaged ones went in, as only PyAV is asked for what it still
# holds. decord's threads may meet the damage before they give any frame of the group before it.
LOOKS_AHEAD = {"pyav": set(), "torchcodec": {10, 11, 46}, "decord": set(range(12))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """100 frames in groups of 12, the index in front."""
    return write_video(
        tmp_path_factory.mktemp("whole") / "video.mp4",
        frames=100,
        size=(96, 128),
        options=GROUPS_OF_12,
        container_options={"movflags": "faststart"},
    )


def places_of(path: str) -> list[tuple[int, int]]:
    """(offset, size) of each packet."""
    with av.open(path) as file:
        return [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]


@pytest.fixture
def holed(whole: str, tmp_path: Path) -> str:
    """The second group of pictures, frames 12 to 23, is zeros from its key frame on."""
    places, data = places_of(whole), bytearray(Path(whole).read_bytes())
    begin, end = places[12][0], places[24][0]
    data[begin:end] = bytes(end - begin)
    path = tmp_path / "holed.mp4"
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def cut_off(whole: str, tmp_path: Path) -> str:
    """Frames 0 to 47 are there whole."""
    path = tmp_path / "cut_off.mp4"
    path.write_bytes(Path(whole).read_bytes()[: places_of(whole)[48][0] + 3])
    return str(path)


def good_of(clip: dict) -> set[int]:
    """Numbers of the frames that are said to be real."""
    shown = zip(numbers(clip["video"]), clip["valid"].tolist(), strict=True)
    return {number for number, good in shown if good}


def test_damaged_frames_repeat_the_last_good_one_and_are_told(decoder: str, holed: str) -> None:
    with EncodedVideo.from_path(holed, decode_audio=False, decoder=decoder) as video:
        with pytest.raises(VideoReadError) as caught:
            video.get_clip(0, 1)
        assert caught.value.backend == decoder
        assert caught.value.path == holed
        clip = video.get_clip(0, 1, on_damage="pad")
        sure = {*range(12), *range(24, 30)} - LOOKS_AHEAD[decoder]
        assert sure <= good_of(clip) <= {*range(12), *range(24, 30)}
        last, shown = None, numbers(clip["video"])
        for number, good in zip(shown, clip["valid"].tolist(), strict=True):
            last = number if good else last
            assert number == (min(good_of(clip)) if last is None else last)
        # Nothing good before: the first good frame stands in. The filter's order is kept.
        clip = video.get_clip(0.5, 1, lambda indices: indices[::3], on_damage="pad")
        assert numbers(clip["video"]) == [24, 24, 24, 24, 27]
        assert clip["valid"].tolist() == [False, False, False, True, True]
        clip = video.get_clip(0, 1, lambda indices: [28, 13, 25], on_damage="pad")
        assert numbers(clip["video"]) == [28, 28, 25]
        assert clip["valid"].tolist() == [True, False, True]
        with pytest.raises(VideoReadError):
            video.get_clip(0.5, 0.7, on_damage="pad")


def test_frames_before_the_wanted_ones_may_be_damaged(decoder: str, holed: str) -> None:
    with EncodedVideo.from_path(holed, decode_audio=False, decoder=decoder) as video:
        clip = video.get_clip(0, 1, lambda indices: indices[24:])
        assert numbers(clip["video"]) == list(range(24, 30))
        assert "valid" not in clip


def test_clip_without_damage_is_all_valid(decoder: str, holed: str) -> None:
    with EncodedVideo.from_path(holed, decode_audio=False, decoder=decoder) as video:
        clip = video.get_clip(1, 2, on_damage="pad")
        assert numbers(clip["video"]) == list(range(30, 60))
        assert clip["valid"].all() and clip["valid"].shape == (30,)


def test_frames_beyond_a_cut_are_counted_and_padded(decoder: str, cut_off: str) -> None:
    with EncodedVideo.from_path(cut_off, decode_audio=False, decoder=decoder) as video:
        assert video.duration == Fraction(100, 30)
        for start, stop in [(1, 2), (2, 3)]:
            with pytest.raises(VideoReadError, match=r"cut off|missing|Invalid"):
                video.get_clip(start, stop)
        clip = video.get_clip(1, 2, on_damage="pad")
        assert clip["valid"].shape == (30,)
        assert {*range(30, 48)} - LOOKS_AHEAD[decoder] <= good_of(clip) <= {*range(30, 48)}
        assert numbers(clip["video"])[18:] == [47] * 12
        assert numbers(video.get_clip(1, 2, lambda indices: indices[:15])["video"])[-1] == 44
        with pytest.raises(VideoReadError, match="cut off"):
            video.get_clip(2, 3, on_damage="pad")


def test_frames_cut_off_between_those_that_build_on_each_other(
    decoder: str, whole: str, tmp_path: Path
) -> None:
    # In decoding order 36 40 38 37 39 44 42 41 43: 42 is the last one there.
    path = tmp_path / "cut_off.mp4"
    path.write_bytes(Path(whole).read_bytes()[: places_of(whole)[43][0]])
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        clip = video.get_clip(Fraction(36, 30), Fraction(46, 30), on_damage="pad")
        assert clip["valid"].shape == (10,)
        assert good_of(clip) == {36, 37, 38, 39, 40, 42, 44}
        assert clip["valid"].tolist() == [True] * 5 + [False, True, False, True, False]


def test_unknown_way_with_damage_is_refused(whole: str) -> None:
    with (
        EncodedVideo.from_path(whole) as video,
        pytest.raises(ValueError, match=r"'ignore'.*'raise', 'pad'"),
    ):
        video.get_clip(0, 1, on_damage="ignore")


def test_window_without_frames_has_no_valid_ones(whole: str) -> None:
    with EncodedVideo.from_path(whole) as video:
        clip = video.get_clip(9, 10, on_damage="pad")
        assert clip == {"video": None, "audio": None, "valid": None}
