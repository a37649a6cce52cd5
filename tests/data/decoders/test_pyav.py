import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from pytorchvideo_clone.data.decoders.pyav import PyAVDecoder
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video


class CountingDecoder(PyAVDecoder):
    converted = 0

    def _to_rgb(self, *args) -> np.ndarray:
        self.converted += 1
        return super()._to_rgb(*args)


def test_only_the_frames_that_are_kept_are_converted(tmp_path: Path) -> None:
    decoder = CountingDecoder(write_video(tmp_path / "video.mp4"))
    frames = decoder.read(0, 1, lambda indices: indices[::8] + indices[:1]).pictures
    assert frames.shape == (5, 48, 64, 3)
    assert frames.dtype == torch.uint8
    assert decoder.converted == 4
    decoder.close()


def test_filter_that_keeps_nothing_gives_no_frames(tmp_path: Path) -> None:
    decoder = CountingDecoder(write_video(tmp_path / "video.mp4"))
    assert decoder.read(0, 1, lambda indices: []) is None
    assert decoder.converted == 0
    decoder.close()


def test_windows_are_the_same_without_seeking(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", options={"x264-params": "keyint=12"})
    seeking, plain = PyAVDecoder(path), PyAVDecoder(path, perform_seek=False)
    for start in (Fraction(1), Fraction(1, 3), Fraction(0)):
        clips = [decoder.read(start, start + Fraction(1, 5)) for decoder in (seeking, plain)]
        assert torch.equal(clips[0].pictures, clips[1].pictures)
    seeking.close()
    plain.close()


def test_decoding_uses_the_calling_thread_only(tmp_path: Path) -> None:
    # More threads would compete with the other worker processes; frame threads may also deadlock.
    decoder = PyAVDecoder(write_video(tmp_path / "video.mp4"))
    decoder.read(0, 1)
    codec = decoder.reader.stream.codec_context
    assert codec.thread_count == 1
    assert str(codec.thread_type).endswith("SLICE")
    decoder.close()


def test_stream_that_changes_its_size_keeps_that_of_the_first_frame(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{height}.mkv", 10, 25, "mjpeg", (height, width), "yuvj420p")
        for height, width in [(48, 64), (96, 128)]
    ]
    path = str(tmp_path / "video.mkv")
    with av.open(parts[0]) as given, av.open(path, "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for number, part in enumerate(parts):
            with av.open(part) as source:
                for packet in source.demux(video=0):
                    if packet.dts is not None:
                        packet.pts, packet.dts = (
                            packet.pts + 400 * number,
                            packet.pts + 400 * number,
                        )
                        packet.stream = stream
                        out.mux(packet)
    decoder = PyAVDecoder(path)
    frames = decoder.read(0, 1).pictures
    assert frames.shape[1:] == (48, 64, 3)
    assert numbers(frames.permute(3, 0, 1, 2)) == [*range(10), *range(10)]
    assert decoder.read(0.4, 0.6).pictures.shape[1:] == (96, 128, 3)
    decoder.close()


def test_about_names_the_version_of_ffmpeg() -> None:
    assert av.__version__ in PyAVDecoder.about()
    assert "FFmpeg" in PyAVDecoder.about()


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_window_long_after_the_end_is_empty(ending: str, tmp_path: Path) -> None:
    decoder = PyAVDecoder(write_video(tmp_path / f"video.{ending}"))
    assert decoder.read(10**6, 10**6 + 1) is None
    assert decoder.read(-5, -1) is None
    assert decoder.read(-5, 0.1).pictures.shape[0] == 3
    decoder.close()


def test_frames_that_build_on_damaged_ones_are_refused(tmp_path: Path) -> None:
    path = Path(
        write_video(
            tmp_path / "video.mp4",
            size=(96, 128),
            options={"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"},
        )
    )
    with av.open(str(path)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    offset, size = places[13]  # the first P-frame after the key frame 12: number 16
    data[offset + size // 2 : offset + size] = bytes(size - size // 2)
    path.write_bytes(data)
    decoder = PyAVDecoder(str(path))
    for number in range(13, 24):
        with pytest.raises(VideoReadError, match="damaged"):
            decoder.read(Fraction(number, 30), Fraction(number + 1, 30))
    for good in (range(13), range(24, 40)):
        frames = decoder.read(Fraction(good[0], 30), Fraction(good[-1] + 1, 30)).pictures
        assert numbers(frames.permute(3, 0, 1, 2)) == list(good)
    decoder.close()


def test_all_frames_are_read_without_holding_the_packets(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "video.avi", 90, codec="rawvideo", size=(360, 640)))
    assert path.stat().st_size > 30e6
    decoder = PyAVDecoder(str(path))
    before, most, found = resident(), 0, []
    for pts, frame in decoder.frames():
        most = max(most, resident())
        found.append(pts)
        picture = torch.from_numpy(frame.to_ndarray(format="rgb24"))
        assert numbers(picture.permute(2, 0, 1)[:, None]) == [len(found) - 1]
    assert found == list(range(90))
    assert most - before < path.stat().st_size / 3
    decoder.close()


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
