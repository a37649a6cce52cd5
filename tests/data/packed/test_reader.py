import pickle
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data import EncodedVideo, VideoPathHandler
from pytorchvideo_clone.data.packed import (
    PackedStore,
    PackedVideo,
    StoreError,
    pack_videos,
    unpack_video,
)
from tests.data.coded_video import numbers, write_video
from tests.data.packed.stores import make_store

NAMES = ["a.mp4", "b.mp4", "c.mp4", "d.avi"]


@pytest.fixture(scope="module", params=["h264", "jpeg"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("packed"), request.param)


@pytest.mark.parametrize("number", range(4))
def test_windows_hold_the_frames_of_the_source(store: Path, number: int) -> None:
    source = PackedStore(store).name(number)
    with PackedVideo(f"{store}#{number}") as packed, EncodedVideo.from_path(source) as video:
        assert packed.name == Path(source).name == NAMES[number]
        assert packed.duration == video.duration
        for window in ((0, 0.2), (0.35, 0.9), (Fraction(1, 3), Fraction(2, 3)), (0.9, 100)):
            for keep in (None, lambda indices: indices[::3], lambda indices: indices[::-2] * 2):
                mine = packed.get_clip(*window, keep)["video"]
                assert numbers(mine) == numbers(video.get_clip(*window, keep)["video"])
        assert packed.get_clip(100, 101)["video"] is None


def test_frames_of_the_store_are_those_of_the_unpacked_file(store: Path, tmp_path: Path) -> None:
    unpack_video(store, 1, tmp_path / "b.mkv")
    keep = slice(3, None, 5)
    with PackedVideo(f"{store}#1") as packed, EncodedVideo.from_path(tmp_path / "b.mkv") as video:
        expected = video.get_clip(0, 100, lambda indices: indices[keep])["video"]
        found = packed.get_clip(0, 100, lambda indices: indices[keep])["video"]
    # JPEG is decoded by a faster method, within a few grey levels of the exact one.
    torch.testing.assert_close(found, expected, rtol=0, atol=0 if store.stem == "h264" else 12)


def test_a_video_is_opened_by_its_path_like_any_other(store: Path) -> None:
    with VideoPathHandler().video_from_path(f"{store}#0", decode_audio=True) as video:
        assert isinstance(video, PackedVideo)
        assert video.get_clip(0, 1)["audio"] is not None


def test_sound_is_that_of_the_source(store: Path) -> None:
    source = PackedStore(store).name(0)
    for options in ({}, {"audio_rate": 8000}):
        with (
            PackedVideo(f"{store}#0", **options) as packed,
            EncodedVideo.from_path(source, **options) as video,
        ):
            mine, expected = packed.get_clip(0.5, 1.2), video.get_clip(0.5, 1.2)
            torch.testing.assert_close(mine["audio"], expected["audio"])
    silence = {"audio_rate": 8000, "missing_audio": "silence"}
    with PackedVideo(f"{store}#3", **silence) as packed:
        clip = packed.get_clip(0, 0.5)
    assert clip["audio"].equal(torch.zeros(4000))
    assert clip["has_audio"] is False


def test_types_sizes_and_closing(store: Path) -> None:
    video = PackedVideo(f"{store}#0", decode_audio=False)
    clip = video.get_clip(0, 0.2, video_dtype=torch.uint8, short_side=24)
    assert clip["video"].dtype == torch.uint8
    assert clip["video"].shape == (3, 6, 24, 32)
    assert clip["audio"] is None
    with pytest.raises(TypeError, match="let each process open it by its path"):
        pickle.dumps(video)
    video.close()
    with pytest.raises(ValueError, match="is closed"):
        video.get_clip(0, 1)


def damaged_copy(store: Path, folder: Path, shown: int) -> Path:
    """A copy with one bit changed in the packet of a frame of the first video."""
    shutil.copytree(store, folder / store.name)
    packed = PackedStore(store)
    record = packed.record(0)
    row = record.packets[record.packets["pts"].argsort()][shown]
    payload = int(packed._index["offset"][0] + packed._index["length"][0]) - len(record.payload)
    shard = folder / store.name / "shard-00000.bin"
    content = bytearray(shard.read_bytes())
    content[payload + int(row["offset"]) + int(row["size"]) // 2] ^= 1
    shard.write_bytes(content)
    return folder / store.name


def test_a_damaged_packet_is_named_or_padded(store: Path, tmp_path: Path) -> None:
    copy = damaged_copy(store, tmp_path, 18)  # used by no other frame, in H.264 too
    with PackedVideo(f"{copy}#0") as video:
        assert numbers(video.get_clip(0, 0.5)["video"]) == list(range(15))
        with pytest.raises(StoreError, match=r"a\.mp4\).*packet \d+ of 60 is damaged"):
            video.get_clip(0.5, 1)
        clip = video.get_clip(0.5, 1, on_damage="pad")
    assert clip["valid"].tolist() == [True] * 3 + [False] + [True] * 11
    assert numbers(clip["video"]) == [15, 16, 17, 17, *range(19, 30)]
    (found,) = PackedStore(copy).verify()
    assert found[0] == f"{PackedStore(copy).name(0)} ({copy}#0)"


def test_what_builds_on_a_damaged_packet_is_damaged_too(store: Path, tmp_path: Path) -> None:
    copy = damaged_copy(store, tmp_path, 20)
    with PackedVideo(f"{copy}#0") as video:
        clip = video.get_clip(0.5, 1.2, on_damage="pad")
    bad = {20} if store.stem == "jpeg" else set(range(17, 32))
    assert clip["valid"].tolist() == [number not in bad for number in range(15, 36)]


def test_what_is_no_video_of_a_store_is_refused(store: Path) -> None:
    with pytest.raises(ValueError, match=r"it must be STORE\.ptvpack#NUMBER"):
        PackedVideo(store)
    with pytest.raises(IndexError, match="has no video 4; it has 4"):
        PackedVideo(f"{store}#4")


def test_colours_do_not_depend_on_the_video_read_before(tmp_path: Path) -> None:
    formats = ("yuvj420p", "yuv420p")  # the full range says so, the usual one need not
    paths = [write_video(tmp_path / f"{name}.mp4", 4, pix_fmt=name, noise=30) for name in formats]
    (tmp_path / "list.txt").write_text("".join(f"{path} 0\n" for path in paths))
    pack_videos(tmp_path / "list.txt", tmp_path / "a.ptvpack", num_workers=1)

    def clips(numbers: list[int]) -> dict[int, torch.Tensor]:
        found = {}
        for number in numbers:
            with PackedVideo(f"{tmp_path}/a.ptvpack#{number}") as video:
                found[number] = video.get_clip(0, 1)["video"]
        return found

    alone = clips([1])
    torch.testing.assert_close(clips([0, 1])[1], alone[1], rtol=0, atol=0)
