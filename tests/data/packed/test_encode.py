import platform
import re
from pathlib import Path

import av
import numpy as np
import pytest

from pytorchvideo_clone.data import VideoReadError
from pytorchvideo_clone.data.packed import encode
from pytorchvideo_clone.data.packed.encode import encode_video
from pytorchvideo_clone.data.packed.format import KEY, REFERENCED, split_record
from tests.data.coded_video import write_video


def test_three_pictures_in_four_are_used_by_no_other(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 64)
    coded = encode_video(path, "h264", None, 18, audio=False)
    record = split_record(memoryview(coded.record), coded.crc32, path)
    flags = record.packets["flags"]
    assert np.count_nonzero(flags & KEY) == 4
    assert np.count_nonzero(flags & REFERENCED) == 4 * 5


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86 CPU")
def test_x264_gives_the_same_bytes_by_all_its_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "video.mp4", 24, size=(64, 144))
    coded = encode_video(path, "h264", None, 18, audio=False)
    assert all(encode_video(path, "h264", None, 18, audio=False) == coded for _ in range(9))
    without = re.sub("(:asm=.*)?$", ":asm=sse4.2", encode._X264["x264-params"], count=1)
    monkeypatch.setitem(encode._X264, "x264-params", without)
    assert encode_video(path, "h264", None, 18, audio=False) == coded


@pytest.mark.parametrize(
    ("short_side", "size"), [(None, (90, 160)), (45, (46, 80)), (300, (90, 160))]
)
def test_pictures_are_made_smaller_never_larger(
    tmp_path: Path, short_side: int | None, size: tuple[int, int]
) -> None:
    path = write_video(tmp_path / "video.mp4", 3, size=(90, 160))
    coded = encode_video(path, "jpeg", short_side, 90, audio=False)
    header = split_record(memoryview(coded.record), coded.crc32, path).header
    assert abs(header.height - size[0]) <= 2
    assert abs(header.width - size[1]) <= 2


def test_a_damaged_video_is_refused_whole(tmp_path: Path) -> None:
    path = Path(
        write_video(tmp_path / "video.mp4", 60, container_options={"movflags": "faststart"})
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(VideoReadError, match=r"video\.mp4"):
        encode_video(str(path), "h264", None, 18, audio=False)


def test_sound_is_copied_as_it_is_coded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 20, audio_sec=1)
    coded = encode_video(path, "h264", None, 18, audio=True)
    record = split_record(memoryview(coded.record), coded.crc32, path)
    (tmp_path / "sound.nut").write_bytes(record.audio)
    with av.open(str(tmp_path / "sound.nut")) as copy, av.open(path) as source:
        packets = [[bytes(p) for p in file.demux(audio=0) if p.size] for file in (copy, source)]
    assert packets[0] == packets[1]
    assert len(packets[0]) > 5
