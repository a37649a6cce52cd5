import tracemalloc
from pathlib import Path

import av
import pytest

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video

CODECS = {"avi": "mpeg4", "mxf": "mpeg2video", "webm": "libvpx"}


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "avi", "mxf", "flv", "wmv"])
def test_a_file_that_is_cut_off_is_refused_and_says_why(ending: str, tmp_path: Path) -> None:
    container = {"movflags": "faststart"} if ending == "mp4" else None
    path = Path(
        write_video(
            tmp_path / f"a.{ending}",
            60,
            25,
            codec=CODECS.get(ending, "libx264"),
            size=(96, 128),
            options={"g": "12"},
            container_options=container,
            noise=30,
        )
    )
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 60)["video"]) == list(range(60))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(VideoReadError, match=r"cut off|missing|states a size"):
        EncodedVideo.from_path(path, decode_audio=False).get_clip(0, 60)
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 0.08)["video"]) == [0, 1]


def test_sound_longer_than_uneven_frames_is_no_cut(tmp_path: Path) -> None:
    stamps = [*range(20), 30, 45]
    path = write_video(
        tmp_path / "a.mkv", len(stamps), 25, pts=stamps, audio_sec=4, options={"bf": "0"}
    )
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 60)["video"]) == list(range(len(stamps)))


def test_one_stamp_of_months_later_costs_neither_memory_nor_the_other_frames(
    tmp_path: Path,
) -> None:
    given = write_video(tmp_path / "a.mkv", 60, 30, options={"bf": "0"})
    with av.open(given) as file, av.open(str(tmp_path / "late.mkv"), "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        packets = [packet for packet in file.demux(video=0) if packet.size]
        packets[-1].pts = packets[-1].dts = 10**10  # ms
        for packet in packets:
            packet.stream = stream
            out.mux(packet)
    with EncodedVideo.from_path(tmp_path / "late.mkv", decode_audio=False) as video:
        assert video.duration > 10**6
        assert numbers(video.get_clip(0, 1)["video"]) == list(range(30))
        assert video.get_clip(5000, 5001)["video"] is None
        tracemalloc.start()
        assert numbers(video.get_clip(0, 3)["video"]) == list(range(59))
        assert numbers(video.get_clip(video.duration - 3, video.duration)["video"]) == [59]
        assert numbers(video.get_clip(0, video.duration)["video"]) == list(range(60))
        assert tracemalloc.get_traced_memory()[1] < 2**26
        tracemalloc.stop()
