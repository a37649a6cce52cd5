import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from pytorchvideo_clone.data.decoders.display_order import (
    OTHER_ORDER,
    doubt,
    in_order,
)
from pytorchvideo_clone.data.decoders.packets import PacketReader
from pytorchvideo_clone.data.decoders.timeline import PacketTimes
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.packed import PackedVideo, PackSettings, pack_videos
from tests.data.coded_video import numbers, write_video

B_FRAMES = {"bf": "2", "g": "12"}


def times(*stamps: tuple[int | None, int | None]) -> list[PacketTimes]:
    return [PacketTimes(pts, dts, place == 0) for place, (pts, dts) in enumerate(stamps)]


@pytest.mark.parametrize(
    ("packets", "reorders", "reason"),
    [
        (times((0, 0), (1, 1), (2, 2)), False, None),
        (times((0, -1), (3, 0), (1, 1), (2, 2)), True, None),
        (times((0, 0), (1, 1), (2, 2)), True, OTHER_ORDER),
        (times((0, -1), (3, 0), (1, 1), (2, 2)), False, OTHER_ORDER),
        (times((0, 0), (None, 1)), False, "packets without time stamps"),
        (times((0, 0), (0, 1)), False, "several packets with one time stamp"),
        (times((5, 5), (6, 6), (0, 0)), False, "times that begin anew"),
        (times((0, 1), (1, 2)), False, "frames that are shown before they are decoded"),
        ([PacketTimes(0, 0, False)], False, "no key frame at its begin"),
    ],
)
def test_times_are_doubted_for_a_reason(packets, reorders, reason) -> None:
    assert doubt(packets, reorders) == reason


def test_order_is_that_of_all_packets() -> None:
    packets = times((0, 0), (20, 10), (10, 20))
    assert in_order(packets, [0, 2, 1])
    assert not in_order(packets, [0, 1, 2])


def _ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("video.avi", {"codec": "mpeg4", "options": B_FRAMES}),
        ("video.avi", {"codec": "mpeg1video", "options": B_FRAMES}),
        ("video.avi", {"codec": "libx264", "options": {**B_FRAMES, "x264-params": "b-adapt=0"}}),
        ("video.wmv", {"codec": "libx264", "options": B_FRAMES}),
        ("video.mpg", {"codec": "mpeg1video", "options": B_FRAMES}),
        ("video.mxf", {"codec": "mpeg2video", "options": B_FRAMES}),
        ("video.wtv", {"codec": "libx264", "options": B_FRAMES}),
        ("video.swf", {"codec": "flv"}),
        ("video.avi", {"codec": "h263p", "options": {"g": "12"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else value["codec"],
)
def test_windows_hold_the_frames_that_begin_in_them(name: str, how: dict, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, 50, 25, size=(48, 64), **how)
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, video.duration + 1)["video"]) == list(range(50))
        for first, last in [(0, 3), (5, 14), (11, 26), (30, 50), (49, 50)]:
            start, end = (max(0, Fraction(2 * n - 1, 50)) for n in (first, last))
            assert numbers(video.get_clip(start, end)["video"]) == list(range(first, last))


def test_streams_joined_end_to_end_are_shown_one_after_the_other(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{name}.ts", 40, 25, options=B_FRAMES).encode() for name in "ab"
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(Path(part.decode()).read_bytes() for part in parts))
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert float(video.duration) == pytest.approx(3.2, abs=0.01)
        shown = numbers(video.get_clip(0, 4)["video"])
        assert shown == [*range(40), *range(40)]
        assert numbers(video.get_clip(Fraction(81, 50), Fraction(91, 50))["video"]) == [
            *range(1, 6)
        ]


def test_stream_that_begins_between_key_frames_starts_with_what_can_be_shown(
    tmp_path: Path,
) -> None:
    whole = Path(write_video(tmp_path / "whole.ts", 50, 25, options={"bf": "0", "g": "12"}))
    data = whole.read_bytes()
    tables = data[: 3 * 188]
    path = tmp_path / "later.ts"
    path.write_bytes(tables + data[len(data) // 376 // 3 * 188 :])
    raw = subprocess.run(
        ["ffmpeg", "-v", "quiet", "-i", path, "-fps_mode", "passthrough", "-f", "framecrc", "-"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    count = sum(not line.startswith("#") for line in raw.splitlines())
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        shown = numbers(video.get_clip(0, 4)["video"])
        assert shown == list(range(50 - len(shown), 50))
        assert len(shown) == count > 20
        assert float(video.duration) == pytest.approx(count / 25, abs=0.01)


def test_forgotten_reordering_of_an_mp4_is_noticed(tmp_path: Path) -> None:
    options = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"}
    good = Path(write_video(tmp_path / "good.mp4", 50, 25, options=options))
    data = good.read_bytes()
    assert data.count(b"ctts") == 1
    path = tmp_path / "forgotten.mp4"
    path.write_bytes(data.replace(b"ctts", b"free").replace(b"edts", b"free"))
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 2)["video"]) == list(range(50))
        assert numbers(video.get_clip(Fraction(19, 50), Fraction(29, 50))["video"]) == [
            *range(10, 15)
        ]


def forget_reordering_later(path: Path) -> None:
    """Let an mp4 say of its frames after the 40th packet that they are shown as they are stored."""
    data = bytearray(path.read_bytes())
    entries = data.index(b"ctts") + 8
    place, packets = entries + 4, 0
    for _ in range(int.from_bytes(data[entries : entries + 4], "big")):
        if packets > 40:
            data[place + 4 : place + 8] = data[entries + 8 : entries + 12]  # that of the first
        packets += int.from_bytes(data[place : place + 4], "big")
        place += 8
    path.write_bytes(data)


def test_reordering_forgotten_in_the_middle_is_noticed(tmp_path: Path) -> None:
    options = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"}
    path = tmp_path / "videos" / "run" / "video.mp4"
    path.parent.mkdir(parents=True)
    write_video(path, 80, 25, options=options)
    forget_reordering_later(path)
    reader = PacketReader(str(path))
    assert reader.timeline is None  # its begin shows nothing
    reader.close()
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 4)["video"]) == list(range(80))
    store = tmp_path / "store.ptvpack"
    report = pack_videos(tmp_path / "videos", store, PackSettings(), num_workers=1)
    assert not report.left_out
    with PackedVideo(f"{store}#0", decode_audio=False) as video:
        assert numbers(video.get_clip(0, 4)["video"]) == list(range(80))


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_frames_are_packed_in_the_order_of_their_showing(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "videos" / "run" / "video.avi"
    path.parent.mkdir(parents=True)
    write_video(path, 50, 25, codec=codec, options=B_FRAMES)
    store = tmp_path / "store.ptvpack"
    pack_videos(tmp_path / "videos", store, PackSettings(), num_workers=1)
    with PackedVideo(f"{store}#0", decode_audio=False) as video:
        assert numbers(video.get_clip(0, 3)["video"]) == list(range(50))
        part = video.get_clip(Fraction(19, 50), Fraction(29, 50))["video"]
        assert numbers(part) == list(range(10, 15))


def test_files_that_tell_their_times_are_not_counted(tmp_path: Path) -> None:
    for name in ("video.mp4", "video.mkv", "video.ts", "video.flv"):
        for options in (B_FRAMES, {"bf": "0"}):
            reader = PacketReader(write_video(tmp_path / name, 40, options=options))
            assert reader.timeline is None
            reader.close()
