"""The promise of every decoder: of any window, the frames that begin in it, or a typed error.

The truth is written into the pictures (tests/data/coded_video.py); no decoder is compared with
another. Where a backend cannot be exact it must say so: REFUSED lists every such pair.
"""

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import pytest
import torch

from pytorchvideo_clone.data.clip_reading import read_together
from pytorchvideo_clone.data.decoders import decoder_report
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import cut_video, numbers, write_video

pytestmark = pytest.mark.filterwarnings("ignore:decoder=.* does not read")

B_FRAMES = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"}
OPEN_GOP = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0:open-gop=1"}
CLOSED_HEVC = {"x265-params": "keyint=12:open-gop=0:log-level=none"}
VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "12"}


class Case(NamedTuple):
    """A video to write, and when each of its frames begins, which count from `first`."""

    file: str
    how: dict
    begins: list[Fraction]
    first: int = 0


def even(file: str, rate: Fraction | int = 30, frames: int = 40, **how) -> Case:
    return Case(
        file, {"rate": rate, "frames": frames, **how}, [i / Fraction(rate) for i in range(frames)]
    )


def uneven(file: str, start: int = 0, **how) -> Case:
    """Gaps of 10 to 70 ms."""
    gaps = [10 * (1 + i * i % 7) for i in range(39)]
    pts = [start + sum(gaps[:i]) for i in range(40)]
    times = [Fraction(stamp - start, 1000) for stamp in pts]
    return Case(file, {"pts": pts, "time_base": Fraction(1, 1000), "rate": 1000, **how}, times)


CASES = {
    **{
        f"{round(float(rate), 3):g} fps": even("video.mp4", rate, options=B_FRAMES)
        for rate in (10, Fraction(24000, 1001), 25, Fraction(30000, 1001), 30, 60)
    },
    "one long group": even("video.mp4", frames=100),
    "one frame": even("video.mp4", frames=1),
    "two frames": even("video.mp4", frames=2),
    "variable rate": uneven("video.mp4", options=B_FRAMES),
    "variable rate mkv": uneven("video.mkv", options=B_FRAMES),
    "starts at 1.7 s": even("video.mp4", pts=range(51, 91), options=B_FRAMES),
    "starts at 1.7 s mkv": even("video.mkv", pts=range(51, 91), options=B_FRAMES),
    "late and variable": uneven("video.mp4", start=1700, options=B_FRAMES),
    "rotated 90": even("video.mp4", rotation=90),
    "rotated 180": even("video.mp4", rotation=180),
    "rotated -90": even("video.mp4", rotation=-90),
    "odd size": even("video.mp4", size=(47, 61), pix_fmt="yuv444p", options=B_FRAMES),
    "odd size 4:2:0": even("video.webm", codec="libvpx-vp9", size=(47, 61), options=VP9),
    "10 bit": even("video.mp4", pix_fmt="yuv420p10le", options=B_FRAMES),
    "grey": even("video.mp4", pix_fmt="gray", options=B_FRAMES),
    "hevc": even("video.mp4", codec="libx265", options=CLOSED_HEVC),
    "hevc 10 bit": even("video.mp4", codec="libx265", pix_fmt="yuv420p10le", options=CLOSED_HEVC),
    "vp8": even("video.webm", codec="libvpx", options={"g": "12"}),
    "vp8 hidden frames": even(
        "video.webm",
        codec="libvpx",
        options={"auto-alt-ref": "1", "lag-in-frames": "16", "b": "100k"},
    ),
    "vp9": even("video.webm", codec="libvpx-vp9", options=VP9),
    "vp9 hidden frames": even(
        "video.webm", codec="libvpx-vp9", options={"auto-alt-ref": "1", "lag-in-frames": "16"}
    ),
    "av1": even("video.mp4", codec="libsvtav1", options={"preset": "10", "g": "12"}),
    "mpeg4": even("video.mp4", codec="mpeg4"),
    "mpeg4 b-frames": even("video.mp4", codec="mpeg4", options={"bf": "2"}),
    "mpeg4 avi": even("video.avi", codec="mpeg4"),
    "mpeg4 avi b-frames": even("video.avi", codec="mpeg4", options={"bf": "2"}),
    "h264 avi": even("video.avi", options=B_FRAMES),
    "mjpeg avi": even("video.avi", codec="mjpeg", pix_fmt="yuvj420p"),
    "mpeg2 ps": even("video.mpg", 25, codec="mpeg2video", options={"bf": "2"}),
    "mkv": even("video.mkv", options=B_FRAMES),
    "mkv 23.976": even("video.mkv", Fraction(24000, 1001), options=B_FRAMES),
    "flv": even("video.flv", options=B_FRAMES),
    "mov": even("video.mov", options=B_FRAMES),
    "ts": even("video.ts", options=B_FRAMES),
    "ts 23.976": even("video.ts", Fraction(24000, 1001), options=B_FRAMES),
    "ts one long group": even("video.ts", frames=100),
    "open groups": even("video.mp4", options=OPEN_GOP),
    "open groups ts": even("video.ts", options=OPEN_GOP),
    "open groups hevc": even(
        "video.mp4", codec="libx265", options={"x265-params": "keyint=12:open-gop=1:log-level=none"}
    ),
    "intra refresh mkv": even(
        "video.mkv", frames=60, options={"x264-params": "intra-refresh=1:keyint=12"}
    ),
    "intra refresh ts": even(
        "video.ts", frames=60, options={"x264-params": "intra-refresh=1:keyint=12"}
    ),
    "interlaced": even("video.mp4", options={"x264-params": "interlaced=1:keyint=12"}),
    "lossless rgb": even("video.mp4", codec="libx264rgb", pix_fmt="rgb24", options={"crf": "0"}),
    "longer audio": even("video.mp4", options=B_FRAMES, audio_sec=3),
    "longer audio mkv": even("video.mkv", options=B_FRAMES, audio_sec=3),
    "shorter audio": even("video.mp4", options=B_FRAMES, audio_sec=0.5),
    "edit list": Case(
        "video.mp4",
        {"options": B_FRAMES, "hidden": 15 * 512},
        [Fraction(i, 30) for i in range(25)],
        15,
    ),
    "gif": even("video.gif", 10, codec="gif", pix_fmt="gray"),
}

DECORD2 = any(status.about.startswith("decord2") for status in decoder_report())
# (decoder, case): the reason why PyAV reads it in its place, or some windows are refused.
REFUSED = {
    **dict.fromkeys(
        [
            (decoder, case)
            for decoder in ("torchcodec", "decord")
            for case in CASES
            if CASES[case].file.endswith((".ts", ".mpg"))
        ],
        "no exact seeking without an index",
    ),
    **dict.fromkeys(
        [("decord", case) for case in CASES if CASES[case].file.endswith(".avi")],
        "no frame times",
    ),
    **(
        dict.fromkeys([("decord", "hevc"), ("decord", "hevc 10 bit")], "fails at random")
        if DECORD2
        else {("decord", "av1"): "older than AV1", ("decord", "gif"): "no frame times"}
    ),
    ("decord", "edit list"): "counts the frames that are cut off",
    ("decord", "mpeg4 b-frames"): "open groups of pictures",
    ("decord", "open groups"): "open groups of pictures",
    ("decord", "open groups hevc"): "open groups of pictures",
    ("decord", "intra refresh mkv"): "open groups of pictures",
    ("torchcodec", "h264 avi"): "no frame times",
    ("torchcodec", "mpeg4 avi b-frames"): "times are one frame late",
    ("torchcodec", "intra refresh mkv"): "fails after seeking to the end",
    ("torchcodec", "open groups"): "fails on the last group alone",
    ("torchcodec", "variable rate"): "no time to ask for a last frame without a length",
    ("torchcodec", "late and variable"): "no time to ask for a last frame without a length",
}


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Write the video of a case, once."""
    paths: dict[str, str] = {}

    def path_of(name: str) -> str:
        if name not in paths:
            case = CASES[name]
            path = tmp_path_factory.mktemp("case") / case.file
            how = dict(case.how)
            codec = how.get("codec", "libx264")
            if codec not in av.codecs_available:
                pytest.skip(f"this FFmpeg has no encoder {codec}")
            hidden = how.pop("hidden", 0)
            paths[name] = write_video(path, **how)
            if hidden:
                paths[name] = cut_video(paths[name], path.with_stem("cut"), hidden)
        return paths[name]

    return path_of


def windows(begins: list[Fraction]) -> list[tuple]:
    """Windows over all of a video, in an order that seeks back and forth."""
    chance = random.Random(0)
    off = Fraction(4, 1000)  # less than any gap between frames
    end = begins[-1]
    found: list[tuple] = [
        (0, end + 1),
        (0, float("inf")),
        (end, end + 1),
        (begins[len(begins) // 2], begins[len(begins) // 2]),
    ]
    for _ in range(16):
        first = chance.randrange(len(begins))
        last = min(first + chance.choice([0, 1, 2, 8]), len(begins) - 1)
        start, stop = begins[first], begins[last]
        found += [
            (start, stop),
            (float(start), float(stop)),
            (start + off, stop + off),
            (max(start - off, 0), max(stop - off, 0)),
        ]
    chance.shuffle(found)
    return found


def expected(case: Case, start: float, stop: float) -> list[int]:
    # The float of a frame's time stands for that time.
    return [
        number
        for number, begin in enumerate(case.begins, case.first)
        if start - 1e-9 <= begin < stop - 1e-9
    ]


@pytest.mark.parametrize("name", CASES)
def test_window_holds_the_frames_that_begin_in_it(
    name: str, decoder: str, write: Callable[[str], str]
) -> None:
    case = CASES[name]
    refusals, instead = [], None
    try:
        with EncodedVideo.from_path(write(name), decode_audio=False, decoder=decoder) as video:
            instead = video.refusal
            for start, stop in windows(case.begins):
                try:
                    found = numbers(video.get_clip(start, stop)["video"]) or []
                except VideoReadError as error:
                    refusals.append(error)
                else:
                    assert found == expected(case, start, stop), (start, stop)
    except VideoReadError as error:
        refusals.append(error)
    assert bool(refusals or instead) == ((decoder, name) in REFUSED), refusals
    assert not refusals or not instead, "PyAV reads it in its place, and fails"
    for error in refusals:
        assert error.backend == decoder
        assert "decoder='pyav'" in str(error)


@pytest.mark.parametrize("name", CASES)
def test_windows_read_together_are_those_read_one_by_one(
    name: str, decoder: str, write: Callable[[str], str]
) -> None:
    case = CASES[name]
    some = [window for window in windows(case.begins) if expected(case, *window)][:9]
    filters = [(None, lambda frames: frames[::-2])[number % 2] for number in range(len(some))]
    try:
        with EncodedVideo.from_path(write(name), decode_audio=False, decoder=decoder) as video:
            alone = [
                video.get_clip(*window, keep) for window, keep in zip(some, filters, strict=True)
            ]
            together = read_together(video, some, filters)
    except VideoReadError:
        assert (decoder, name) in REFUSED
        return
    assert together is not None
    for one, same in zip(alone, together, strict=True):
        assert torch.equal(one["video"], same["video"])


@pytest.mark.parametrize("name", ["30 fps", "variable rate mkv", "rotated 90", "one frame"])
def test_frame_filter_chooses_orders_and_repeats(
    name: str, decoder: str, write: Callable[[str], str]
) -> None:
    count = len(CASES[name].begins)
    with EncodedVideo.from_path(write(name), decode_audio=False, decoder=decoder) as video:
        for keep in (slice(None, None, 4), slice(None, None, -1), slice(-1, None)):
            clip = video.get_clip(0, 100, lambda indices, keep=keep: indices[keep])
            assert numbers(clip["video"]) == list(range(count))[keep]
        clip = video.get_clip(0, 100, lambda indices: [indices[0]] * 3 + [indices[-1]])
        assert numbers(clip["video"]) == [0, 0, 0, count - 1]


@pytest.mark.parametrize("name", ["30 fps", "rotated 90", "odd size", "grey", "10 bit"])
def test_large_frames_come_smaller_on_request(
    name: str, decoder: str, write: Callable[[str], str]
) -> None:
    with EncodedVideo.from_path(write(name), decode_audio=False, decoder=decoder) as video:
        whole = video.get_clip(0, 0.2, video_dtype=torch.uint8)["video"]
        small = video.get_clip(0, 0.2, video_dtype=torch.uint8, short_side=24)["video"]
        assert small.shape[2:] == (24, 32)
        assert numbers(small) == numbers(whole) == list(range(6))
        torch.testing.assert_close(small.float().mean(), whole.float().mean(), atol=3, rtol=0)
        assert torch.equal(
            video.get_clip(0, 0.2, video_dtype=torch.uint8, short_side=40)["video"], whole
        )


def test_clip_is_rgb_in_the_type_asked_for(decoder: str, write: Callable[[str], str]) -> None:
    with EncodedVideo.from_path(write("30 fps"), decode_audio=False, decoder=decoder) as video:
        exact = video.get_clip(0, 0.1)["video"]
        small = video.get_clip(0, 0.1, video_dtype=torch.uint8)["video"]
    assert exact.shape == (3, 3, 48, 64)
    assert exact.dtype == torch.float32
    assert small.dtype == torch.uint8
    assert exact.max() > 230
    torch.testing.assert_close(small.float(), exact)


@pytest.mark.parametrize("name", ["30 fps", "mkv", "longer audio", "longer audio mkv"])
def test_duration_is_that_of_the_frames(
    name: str, decoder: str, write: Callable[[str], str]
) -> None:
    with EncodedVideo.from_path(write(name), decoder=decoder) as video:
        assert isinstance(video.duration, Fraction)
        assert float(video.duration) == pytest.approx(40 / 30, abs=1e-3)


def test_rotated_video_has_the_size_it_is_shown_in(
    decoder: str, write: Callable[[str], str]
) -> None:
    with EncodedVideo.from_path(write("rotated 90"), decoder=decoder) as video:
        assert video.get_clip(0, 0.1)["video"].shape[2:] == (48, 64)


def test_window_past_the_end_is_none_or_refused(decoder: str, write: Callable[[str], str]) -> None:
    with EncodedVideo.from_path(write("30 fps"), decode_audio=False, decoder=decoder) as video:
        if decoder == "decord":  # as PyTorchVideo's
            with pytest.raises(VideoReadError, match="not within the video"):
                video.get_clip(9, 10)
        else:
            assert video.get_clip(9, 10) == {"video": None, "audio": None}


def test_raw_stream_without_times_is_refused(decoder: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.h264")
    with pytest.raises(VideoReadError, match="no time stamps"):
        EncodedVideo.from_path(path, decode_audio=False, decoder=decoder).get_clip(0, 1)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[tuple[int, int]]]:
    """A file with its index in front, and (offset, size) of each packet."""
    path = write_video(
        tmp_path_factory.mktemp("packed") / "video.mp4",
        frames=100,
        options=B_FRAMES,
        container_options={"movflags": "faststart"},
    )
    with av.open(path) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    return Path(path).read_bytes(), places


def test_truncated_file_gives_its_good_frames_and_refuses_the_rest(
    decoder: str, packed: tuple, tmp_path: Path
) -> None:
    data, places = packed
    path = tmp_path / "truncated.mp4"
    path.write_bytes(data[: places[50][0] + 3])
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        assert numbers(video.get_clip(0, 1)["video"]) == list(range(30))
        for start, stop in [(1, 2), (2, 3), (1.5, float("inf"))]:
            with pytest.raises(VideoReadError):
                video.get_clip(start, stop)


def test_damaged_frame_is_never_returned(decoder: str, packed: tuple, tmp_path: Path) -> None:
    data, places = packed
    damaged = bytearray(data)
    for offset, size in places[40:44]:
        damaged[offset + 5 : offset + size] = b"\xff" * (size - 5)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(damaged)
    with (
        EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video,
        pytest.raises(VideoReadError),
    ):
        video.get_clip(1, 2)
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        assert numbers(video.get_clip(3, 4)["video"]) == list(range(90, 100))
