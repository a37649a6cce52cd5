from fractions import Fraction
from pathlib import Path

import pytest

from pytorchvideo_clone.data.decoders.packets import PacketReader
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import write_video

GROUPS_OF_12 = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"}


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "flv"])
def test_only_the_packets_from_the_key_frame_on_are_read(ending: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / f"video.{ending}", frames=120, options=GROUPS_OF_12)
    reader = PacketReader(path)
    first, last = reader.window(Fraction(100, 30), Fraction(104, 30))
    packets, stamps, damage = reader.read(first, last)
    assert packets[0].is_keyframe
    assert len(stamps) == 4
    assert not damage
    if ending in ("mp4", "mkv"):  # the others have no index
        assert len(packets) < 16
    reader.close()


def test_stamps_need_no_scan_of_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", frames=120, options=GROUPS_OF_12)
    reader = PacketReader(path)
    first, last = reader.window(Fraction(1, 2), Fraction(3, 5))
    assert reader.read(first, last).stamps == [512 * n for n in (15, 16, 17)]
    reader.close()


@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("video.mp4", {"audio_sec": 3}),
        ("video.mkv", {"audio_sec": 3}),
        ("video.mkv", {"audio_sec": 3, "pts": range(51, 91)}),
        ("video.ts", {"options": GROUPS_OF_12}),
        ("video.avi", {"codec": "mpeg4"}),
        ("video.flv", {}),
        ("video.mpg", {"codec": "mpeg2video"}),
    ],
)
def test_duration_is_that_of_the_video_stream(file: str, how: dict, tmp_path: Path) -> None:
    reader = PacketReader(write_video(tmp_path / file, rate=25, **how))
    assert float(reader.duration) == pytest.approx(1.6, abs=2e-3)
    reader.close()


def test_duration_of_uneven_frames_reaches_beyond_the_last(tmp_path: Path) -> None:
    pts = [number * number for number in range(30)]
    path = write_video(tmp_path / "video.mp4", frames=30, pts=pts, time_base=Fraction(1, 1000))
    reader = PacketReader(path)
    assert reader.duration > Fraction(29 * 29, 1000)
    reader.close()


def test_stream_without_time_stamps_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(VideoReadError, match="ffmpeg -r RATE"):
        PacketReader(write_video(tmp_path / "video.h264"))


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    import av
    from av.stream import Disposition

    path = str(tmp_path / "song.mp4")
    source = write_video(tmp_path / "video.mp4", frames=1, codec="mjpeg", pix_fmt="yuvj420p")
    with av.open(source) as given, av.open(path, "w") as out:
        cover = out.add_stream_from_template(given.streams.video[0])
        cover.disposition = Disposition.attached_pic
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = cover
                out.mux(packet)
    with pytest.raises(VideoReadError, match="no video stream"):
        PacketReader(path)


def test_window_that_starts_before_the_video_is_not_read_twice(tmp_path: Path) -> None:
    class Counting(PacketReader):
        opened = 0

        def _open(self) -> None:
            self.opened += 1
            super()._open()

    reader = Counting(write_video(tmp_path / "video.mp4", frames=120, options=GROUPS_OF_12))
    first, last = reader.window(-5, Fraction(1, 10))
    assert reader.read(first, last).stamps == [0, 512, 1024]
    assert reader.opened == 1
    reader.close()
