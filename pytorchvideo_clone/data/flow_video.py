"""Optical flow kept as pairs of image files, one pair a frame."""

import re
from typing import Any

import torch

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.frame_video import FrameVideo, by_number
from pytorchvideo_clone.data.video import Clip, FrameFilter, Seconds, Video, VideoReadError

__all__ = ["FlowVideo"]

# The words for the horizontal and the vertical part in the names of folders or images.
_WORDS = (("x", "y"), ("u", "v"))


class FlowVideo(Video):
    """Optical flow kept as two grey image files a frame: frame k begins at k / fps seconds.

    Clips are (2, T, H, W), the horizontal part first, with the values of the images: 0..255, where
    by custom 128 is no motion and the scale is a matter of how they were made.

    Args:
        horizontal: the images of the horizontal part.
        vertical: the images of the vertical part.
        name: what `name` says; by default the folder of the first horizontal image.

    Raises:
        VideoReadError: if they differ in length.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = tempfile.mkdtemp()
    >>> for name in ("flow_x_1.png", "flow_y_1.png", "flow_x_2.png", "flow_y_2.png"):
    ...     Image.new("L", (8, 6), 128).save(f"{folder}/{name}")
    >>> FlowVideo.from_directory(folder, fps=25).get_clip(0, 1)["video"].shape
    torch.Size([2, 2, 6, 8])
    """

    def __init__(
        self, horizontal: FrameVideo, vertical: FrameVideo, name: str | None = None
    ) -> None:
        self._horizontal, self._vertical = horizontal, vertical
        self._name = name or horizontal.name
        if horizontal.duration != vertical.duration:
            raise VideoReadError(
                f"its horizontal flow lasts {float(horizontal.duration):.3f} s and its vertical "
                f"{float(vertical.duration):.3f} s; an image is missing",
                self._name,
                "Pillow",
            )

    @classmethod
    def from_directory(
        cls,
        path: files.PathLike,
        fps: float = 30.0,
        multithreaded_io: bool = False,
        path_order_cache: dict[str, list[str]] | None = None,
    ) -> "FlowVideo":
        """Find the pairs in a folder, in the order of the numbers in their names.

        Either the folder holds two folders of images, `x` and `y` or `u` and `v`, or the images
        themselves with one of these letters as a word in their names, such as `flow_x_00001.jpg`
        and `flow_y_00001.jpg`; the names are equal but for that word.

        Args:
            path: the folder.
            fps: frames a second.
            multithreaded_io: as for `FrameVideo`.
            path_order_cache: as for `FrameVideo.from_directory`.

        Raises:
            VideoReadError: if there are no pairs, or an image has no partner.
        """
        folder = str(path).rstrip("/")
        cache = {} if path_order_cache is None else path_order_cache
        # Under names of their own: the folder's own name stands for all its images.
        keys = f"{folder}/* horizontal", f"{folder}/* vertical"
        if keys[1] not in cache:
            cache.update(zip(keys, _find_pairs(folder), strict=True))
        horizontal, vertical = (
            FrameVideo.from_frame_paths(cache[key], fps, multithreaded_io) for key in keys
        )
        return cls(horizontal, vertical, folder.rpartition("/")[2])

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self._name

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return self._horizontal.duration

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        **options: Any,
    ) -> Clip | None:
        """Read the flow that begins in [start_sec, end_sec).

        Args:
            start_sec: seconds, included.
            end_sec: seconds, excluded.
            frame_filter: as in `FrameVideo.get_clip`.
            video_dtype: torch.float32 or torch.uint8.
            options: as in `FrameVideo.get_clip`.

        Returns:
            `Clip` with `frame_indices`; None if the window begins outside the video.

        Raises:
            VideoReadError: if an image cannot be read or has another size.
        """
        clip = self._horizontal.get_clip(start_sec, end_sec, frame_filter, video_dtype, **options)
        if clip is None or clip["video"] is None:
            return clip
        # A filter may draw by chance: the vertical part has the frames of its first answer.
        kept = clip["frame_indices"]
        other = self._vertical.get_clip(start_sec, end_sec, lambda _: kept, video_dtype, **options)
        assert other is not None and other["video"] is not None
        if clip["video"].shape != other["video"].shape:
            raise VideoReadError("its two parts differ in size", self._name, "Pillow", start_sec)
        # Grey images have three equal channels.
        flow: Clip = {**clip, "video": torch.stack([clip["video"][0], other["video"][0]])}
        if "valid" in clip and clip["valid"] is not None and other["valid"] is not None:
            flow["valid"] = clip["valid"] & other["valid"]
        return flow


def _find_pairs(folder: str) -> tuple[list[str], list[str]]:
    """Paths of the horizontal and of the vertical images, in order."""
    names = _visible(folder)
    for words in _WORDS:
        if set(words) <= set(names):  # a folder for each
            names = [f"{word}/{name}" for word in words for name in _visible(f"{folder}/{word}")]
        parts = [_by_pattern(names, word) for word in words]
        if not all(parts):
            continue
        alone = sorted(parts[0].keys() ^ parts[1].keys())
        if alone:
            name = parts[0].get(alone[0]) or parts[1][alone[0]]
            raise VideoReadError(f"{name} has no partner", folder, "Pillow")
        order = sorted(parts[0], key=by_number)
        first, second = ([f"{folder}/{part[key]}" for key in order] for part in parts)
        return first, second
    raise VideoReadError(
        "it holds no pairs of flow images: neither folders x and y or u and v, nor images such as "
        "flow_x_00001.jpg and flow_y_00001.jpg",
        folder,
        "Pillow",
    )


def _visible(folder: str) -> list[str]:
    return [name for name in files.list_dir(folder) if not name.startswith(".")]


def _by_pattern(names: list[str], word: str) -> dict[str, str]:
    """Map each name that holds the word to it, from the same name with * instead of the word."""
    alone = rf"(?<![A-Za-z]){word}(?![A-Za-z])"
    return {re.sub(alone, "*", name, count=1): name for name in names if re.search(alone, name)}
