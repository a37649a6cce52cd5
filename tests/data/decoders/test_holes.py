import math
from pathlib import Path

import av
import pytest

from pytorchvideo_clone.data.decoders.evidence import Evidence
from pytorchvideo_clone.data.decoders.holes import (
    MOST_MISSING,
    dependents,
    grid_gaps,
    holes_between,
    packet_has_hole,
)
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video

OPEN_GOP = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0:open-gop=1"}


def packets_of(path: str | Path) -> list[av.Packet]:
    with av.open(str(path)) as file:
        return [packet for packet in file.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    ("stamps", "first", "last", "missing"),
    [
        ([0, 10, 20], 0, 30, []),
        ([0, 10, 20], 0, 20, []),
        ([0, 30], -math.inf, 40, [10, 20]),
        ([0, 10], 0, 40, [20, 30]),
        ([0, 10], 0, 25, [20]),
        ([0, 11, 19, 42], 0, 50, [29]),  # rounded times
        ([0, 10, 1060], 1030, 2000, [1030, 1040, 1050, *range(1070, 2000, 10)]),
    ],
)
def test_missing_frames_are_found_on_the_grid(stamps, first, last, missing) -> None:
    assert grid_gaps(stamps, 10.0, first, last) == missing


def test_more_missing_frames_than_a_window_can_have_are_refused() -> None:
    late = 10**12
    assert grid_gaps([0, late], 10.0, late - 25, late) == [late - 30, late - 20, late - 10]
    with pytest.raises(VideoReadError, match=f"more than {MOST_MISSING} frames are missing"):
        grid_gaps([0, late], 10.0, 0, late)


def test_what_may_build_on_a_frame_includes_those_shown_before_the_next_key(tmp_path: Path) -> None:
    packets = packets_of(write_video(tmp_path / "video.mp4", options=OPEN_GOP))
    keys = [place for place, packet in enumerate(packets) if packet.is_keyframe]
    places = list(dependents(packets, 1))
    assert set(range(1, keys[1])) < set(places)
    assert keys[1] not in places
    leading = [place for place in places if place > keys[1]]
    assert leading and all(packets[place].pts < packets[keys[1]].pts for place in leading)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx", "libvpx-vp9", "mpeg4"])
def test_whole_packets_have_no_holes(codec: str, tmp_path: Path) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    # One colour compresses to next to nothing, where a codec might write zeros.
    path = write_video(tmp_path / "video.mkv", 20, codec=codec, size=(480, 640), options=options)
    with av.open(path) as file:
        context = file.streams.video[0].codec_context
        assert not any(packet_has_hole(packet, context) for packet in packets_of(path))


def test_zeros_in_or_between_packets_are_found(tmp_path: Path) -> None:
    options = {"g": "12", "deadline": "realtime", "cpu-used": "8"}
    path = tmp_path / "video.webm"
    write_video(path, 40, codec="libvpx-vp9", options=options, noise=40)
    whole, data = packets_of(path), bytearray(path.read_bytes())
    begin, end = whole[10].pos, whole[14].pos
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)
    packets = packets_of(path)
    assert 20 < len(packets) < 36  # goes on at a later key frame
    evidence = Evidence("matroska,webm", str(path))
    (place,) = holes_between(packets, None, evidence)
    assert packets[place].pts in {whole[9].pts, packets[10].pts}


@pytest.mark.parametrize(
    ("ending", "sound"), [("mkv", "aac"), ("ts", "aac"), ("mkv", "pcm_s16le"), ("avi", "pcm_s16le")]
)
def test_gaps_in_time_are_no_damage_where_nothing_is_missing(
    ending: str, sound: str, tmp_path: Path
) -> None:
    # A third of the frames was left out on purpose, as by a screen recorder; the sound is silence.
    stamps = [*range(30), *range(60, 90)]
    path = tmp_path / f"video.{ending}"
    codec = "mpeg4" if ending == "avi" else "libx264"
    how = {"codec": codec, "pts": stamps, "audio_codec": sound, "audio_sec": 3}
    with EncodedVideo.from_path(write_video(path, 60, 30, silent=True, **how)) as video:
        assert numbers(video.get_clip(0.5, 2.5)["video"]) == list(range(15, 45))


def test_video_whose_second_half_is_zeros_ends_before_it(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "video.mkv", 60, noise=40, options={"g": "12"}))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with EncodedVideo.from_path(path) as video:
        found = []
        for number in range(60):
            try:
                clip = video.get_clip(number / 30, (number + 1) / 30)["video"]
            except VideoReadError:
                continue
            found += numbers(clip) or []
        assert found == list(range(len(found)))
        assert 10 < len(found) < 50
