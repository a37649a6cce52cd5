from pathlib import Path

import pytest

from pytorchvideo_clone.data import EncodedVideo
from pytorchvideo_clone.data.packed import PackedStore, unpack_video
from tests.data.coded_video import numbers
from tests.data.packed.stores import make_store


@pytest.mark.parametrize(("codec", "ending"), [("h264", "mp4"), ("h264", "mkv"), ("jpeg", "mkv")])
def test_an_unpacked_file_plays_like_its_source(tmp_path: Path, codec: str, ending: str) -> None:
    store = make_store(tmp_path, codec)
    for number in range(4):
        target = tmp_path / f"{number}.{ending}"
        unpack_video(store, number, target)
        source = PackedStore(store).name(number)
        with EncodedVideo.from_path(target) as mine, EncodedVideo.from_path(source) as video:
            # Matroska rounds times to milliseconds.
            assert float(mine.duration) == pytest.approx(float(video.duration), abs=0.1)
            clips = mine.get_clip(0, 100), video.get_clip(0, 100)
        assert numbers(clips[0]["video"]) == numbers(clips[1]["video"])
        assert (clips[0]["audio"] is None) == (clips[1]["audio"] is None)
