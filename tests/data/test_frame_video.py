import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pytorchvideo_clone.data import FrameVideo, VideoReadError
from tests.data.coded_video import numbers, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frames = tmp_path / "clip"
    frames.mkdir()
    for index in range(12):
        Image.fromarray(picture(index)).save(frames / f"img_{index}.png")
    (frames / ".hidden").write_text("left by a file browser")
    return frames


@pytest.mark.parametrize("multithreaded_io", [False, True])
def test_window_holds_the_images_that_begin_in_it(folder: Path, multithreaded_io: bool) -> None:
    video = FrameVideo.from_directory(folder, fps=30, multithreaded_io=multithreaded_io)
    assert video.name == "clip"
    assert video.duration == 12 / 30  # a float, as PyTorchVideo's
    clip = video.get_clip(Fraction(1, 30), Fraction(11, 30))
    assert numbers(clip["video"]) == clip["frame_indices"] == list(range(1, 11))
    assert clip["video"].dtype == torch.float32
    assert clip["audio"] is None
    assert numbers(video.get_clip(3 * 0.1, 9)["video"]) == [9, 10, 11]


def test_frame_filter_gets_the_indices_in_the_video(folder: Path) -> None:
    video = FrameVideo.from_directory(folder)
    clip = video.get_clip(0.1, 0.3, lambda indices: indices[::2], torch.uint8)
    assert numbers(clip["video"]) == clip["frame_indices"] == [3, 5, 7]
    assert clip["video"].dtype == torch.uint8


def test_window_without_a_frame_has_no_video(folder: Path) -> None:
    video = FrameVideo.from_directory(folder)
    assert video.get_clip(0.101, 0.102) == {"video": None, "frame_indices": [], "audio": None}
    assert video.get_clip(1, 2) is None
    assert video.get_clip(-1, 2) is None


def test_path_function_gives_the_frames(folder: Path) -> None:
    video = FrameVideo(0.4, 30, video_frame_to_path_fn=lambda index: f"{folder}/img_{index}.png")
    assert numbers(video.get_clip(0.2, 9)["video"]) == list(range(6, 12))
    assert video.name == "clip"


def test_exactly_one_source_of_paths_is_needed() -> None:
    with pytest.raises(AssertionError, match="exactly one"):
        FrameVideo(1.0, 30)
    with pytest.raises(AssertionError, match="empty"):
        FrameVideo.from_frame_paths([])


def test_an_empty_folder_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(VideoReadError, match="holds no image"):
        FrameVideo.from_directory(tmp_path)


def test_images_of_every_kind_become_rgb(tmp_path: Path) -> None:
    shades = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    grey = Image.fromarray(shades)
    paths = [str(tmp_path / f"{index}.png") for index in range(4)]
    grey.save(paths[0])
    Image.merge("RGBA", [grey] * 3 + [Image.new("L", (8, 6), 7)]).save(paths[1])
    Image.fromarray(shades.astype(np.uint16) * 257).save(paths[2])
    grey.convert("P").save(paths[3])
    video = FrameVideo.from_frame_paths(paths).get_clip(0, 1, video_dtype=torch.uint8)["video"]
    for index in range(4):
        for channel in range(3):
            assert (video[channel, index].numpy() == shades).all(), (index, channel)


def test_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    path = str(tmp_path / "0.png")
    Image.fromarray(np.ascontiguousarray(np.rot90(picture(5)))).save(path, exif=exif)
    assert numbers(FrameVideo.from_frame_paths([path]).get_clip(0, 1)["video"]) == [5]


def test_unreadable_images_are_named(folder: Path) -> None:
    (folder / "img_3.png").write_bytes(b"no image")
    video = FrameVideo.from_directory(folder)
    with pytest.raises(VideoReadError, match=r"img_3\.png"):
        video.get_clip(0, 1)
    assert numbers(video.get_clip(0, 0.1)["video"]) == [0, 1, 2]
    (folder / "img_3.png").unlink()
    with pytest.raises(VideoReadError, match="does not exist"):
        video.get_clip(0, 1)
    Image.fromarray(picture(3, 24, 32)).save(folder / "img_3.png")
    with pytest.raises(VideoReadError, match="32x24, but"):
        video.get_clip(0, 1)


def png_of(side: int) -> bytes:
    """A picture that says it is so large, in few bytes."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        crc32 = struct.pack(">I", zlib.crc32(name + data))
        content += struct.pack(">I", len(data)) + name + data + crc32
    return content


def test_broken_images_are_read_errors_whatever_pillow_makes_of_them(folder: Path) -> None:
    whole = (folder / "img_3.png").read_bytes()
    header = struct.pack(">I", 5) + b"IHDR" + bytes(5)  # shorter than one is
    header += struct.pack(">I", zlib.crc32(header[4:]))
    broken = [whole[:n] for n in (0, 8, 20, 40, len(whole) // 2)]
    broken += [whole[:8] + header + whole[33:], bytes(len(whole)), png_of(60_000), b"GIF89a"]
    for content in broken:
        (folder / "img_3.png").write_bytes(content)
        with pytest.raises(VideoReadError, match=r"img_3\.png with Pillow"):
            FrameVideo.from_directory(folder).get_clip(0, 1)
    (folder / "img_3.png").unlink()
    (folder / "img_3.png").mkdir()
    with pytest.raises(VideoReadError, match=r"img_3\.png with Pillow"):
        FrameVideo.from_directory(folder).get_clip(0, 1)


@pytest.mark.parametrize("multithreaded_io", [False, True])
def test_unreadable_images_are_padded_on_request(folder: Path, multithreaded_io: bool) -> None:
    (folder / "img_3.png").write_bytes(b"no image")
    video = FrameVideo.from_directory(folder, multithreaded_io=multithreaded_io)
    clip = video.get_clip(0, 0.2, on_damage="pad")
    assert numbers(clip["video"]) == [0, 1, 2, 2, 4, 5]
    assert clip["frame_indices"] == [0, 1, 2, 3, 4, 5]
    assert clip["valid"].tolist() == [True, True, True, False, True, True]
    with pytest.raises(VideoReadError, match=r"img_3\.png"):
        video.get_clip(0.1, 0.11, on_damage="pad")


def test_large_images_come_smaller_on_request(folder: Path) -> None:
    video = FrameVideo.from_directory(folder)
    clip = video.get_clip(0, 0.2, short_side=24)
    assert clip["video"].shape[2:] == (24, 32)
    assert numbers(clip["video"]) == list(range(6))
