from fractions import Fraction
from pathlib import Path

import av
import pytest

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video

FRAMES, RATE = 60, 25


def places(path: str) -> list[int]:
    with av.open(path) as source:
        return [packet.pos or 0 for packet in source.demux(video=0) if packet.size]


def shown(path: Path) -> list[list[int] | None]:
    """Numbers of the frames in windows of 0.4 s; -2 where they are refused."""
    found = []
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        for first in range(0, FRAMES, 10):
            try:
                window = (Fraction(first, RATE), Fraction(first + 10, RATE))
                found.append(numbers(video.get_clip(*window)["video"]))
            except VideoReadError:
                found.append([-2])
    return found


def right(first: int) -> list[int]:
    return list(range(first, first + 10))


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("index", [True, False])
def test_frames_of_an_avi_keep_their_places_behind_a_lost_one(
    index: bool, b_frames: int, tmp_path: Path
) -> None:
    options = {"g": "12", "bf": str(b_frames)}
    whole = write_video(tmp_path / "whole.avi", FRAMES, RATE, "mpeg4", options=options, noise=30)
    data = bytearray(Path(whole).read_bytes())
    lost = places(whole)[25]
    data[lost - 8 : lost] = b"\x55" * 8  # the name and size of its chunk
    if not index:
        del data[data.rindex(b"idx1") :]
        data[4:8] = (len(data) - 8).to_bytes(4, "little")
    path = tmp_path / "lost.avi"
    path.write_bytes(data)
    found = shown(path)
    assert [found[n] for n in (0, 1, 4, 5)] == [right(n) for n in (0, 10, 40, 50)]
    assert all(window in ([-2], right(n)) for window, n in zip(found[2:4], (20, 30), strict=True))


def test_frames_that_an_avi_has_twice_are_left_out(tmp_path: Path) -> None:
    options = {"g": "12", "bf": "0"}
    whole = write_video(tmp_path / "whole.avi", FRAMES, RATE, "mpeg4", options=options, noise=30)
    data, begins = Path(whole).read_bytes(), places(whole)
    path = tmp_path / "twice.avi"
    # It begins within a packet, so that what follows has to be searched for.
    path.write_bytes(data[: begins[27] + 3] + data[begins[20] + 3 :])
    found = shown(path)
    assert found[0] == right(0) and found[1] == right(10) and found[5] == right(50)
    assert all(w in ([-2], right(n)) for w, n in zip(found[2:5], (20, 30, 40), strict=True))


def test_frames_of_an_asf_that_build_on_lost_ones_are_refused(tmp_path: Path) -> None:
    options = {"g": "12", "bf": "0"}
    whole = write_video(
        tmp_path / "whole.wmv", FRAMES, RATE, "wmv2", (96, 128), options=options, noise=30
    )
    begins = sorted(set(places(whole)))
    assert len(begins) > 2
    data = bytearray(Path(whole).read_bytes())
    gone = begins[1]
    data[gone : gone + 16] = b"\x55" * 16  # the head of a data packet
    path = tmp_path / "lost.wmv"
    path.write_bytes(data)
    found = shown(path)
    assert all(
        window in (None, [-2]) or set(window or []) <= set(right(10 * place))
        for place, window in enumerate(found)
    )
    assert [-2] in found and found.count([-2]) < len(found)
    data = bytearray(Path(whole).read_bytes())
    del data[begins[0] + 100 : begins[0] + 1100]
    path.write_bytes(data)
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert float(video.duration) == pytest.approx(FRAMES / RATE, abs=0.01)
    assert shown(path)[5] == right(50)
