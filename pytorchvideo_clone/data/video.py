"""The video that data sets talk to, what it answers, and the way from a path to one."""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.stages import stage

__all__ = [
    "Clip",
    "FrameFilter",
    "OnDamage",
    "Seconds",
    "Video",
    "VideoPathHandler",
    "VideoReadError",
    "as_clip",
    "check_on_damage",
    "thwc_to_cthw",
]

Seconds = float | Fraction
FrameFilter = Callable[[list[int]], list[int]]
OnDamage = Literal["raise", "pad"]
_Self = TypeVar("_Self", bound="Video")
_AS_DATA = "VideoReadError as data: "


class Clip(TypedDict, total=False):
    """What `Video.get_clip` gives.

    Keys:
        video: (C, T, H, W), RGB in 0..255, float32 or uint8; None if no frame begins in the window.
        audio: (S,) float32; None if there is none or it was not asked for.
        has_audio: whether `audio` is more than silence (only with `missing_audio="silence"`).
        frame_indices: which images of the folder these are (only `FrameVideo`).
        valid: (T,) bool, which of the frames are real (only with `on_damage="pad"`); None if
            `video` is.
    """

    video: Tensor | None
    audio: Tensor | None
    has_audio: bool
    frame_indices: list[int]
    valid: Tensor | None


class VideoReadError(RuntimeError):
    """A video that cannot be opened or decoded.

    Raised in a worker process of a `DataLoader`, it arrives with all its attributes, and with the
    worker's traceback as a note.

    Attributes:
        cause: what went wrong, in words.
        path: the path or the name of the video.
        backend: name of the decoder, e.g. "pyav".
        time: seconds into the video at which it happened; None when it was opened.
    """

    def __init__(
        self, cause: str, path: str = "", backend: str = "", time: Seconds | None = None
    ) -> None:
        # A DataLoader makes the exception again, from nothing but the text of the worker's one.
        if _AS_DATA in cause:
            self.add_note(cause)
            sent = cause.rpartition(_AS_DATA)[2].splitlines()[0]
            cause, path, backend, time = json.loads(sent)
        elif get_worker_info() is not None:
            data = [cause, path, backend, None if time is None else float(time)]
            self.add_note(_AS_DATA + json.dumps(data))
        super().__init__(cause, path, backend, time)
        self.cause, self.path, self.backend, self.time = cause, path, backend, time

    def __str__(self) -> str:
        where = f" at {float(self.time):.3f} s" if self.time is not None else ""
        by = f" with {self.backend}" if self.backend else ""
        return f"cannot read {self.path or 'the video'}{where}{by}: {self.cause}"


class Video(ABC):
    """A video that is cut into clips by time; a context manager that closes it.

    Times are seconds from the first frame, floats or Fractions; a window [start_sec, end_sec) holds
    the frames that begin in it.
    """

    def __init__(  # noqa: B027 (it keeps nothing)
        self, file: Any = None, video_name: str | None = None, decode_audio: bool = True
    ) -> None:
        """Do nothing with what a video is usually made of; subclasses of others pass it on."""

    if TYPE_CHECKING:  # in a subclass it may be an attribute

        @property
        def name(self) -> str:
            """Name of the video, such as its file name."""

    @property
    @abstractmethod
    def duration(self) -> Seconds:
        """Length in seconds."""

    @abstractmethod
    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        *,
        on_damage: OnDamage = "raise",
        short_side: int | None = None,
    ) -> Clip | None:
        """Read what begins in [start_sec, end_sec).

        A clip has the frames that the file's own list of frames puts into the window, after
        `frame_filter`, whatever their state: damage changes neither their number nor which they
        are. Frames that the file promises but does not hold any more, as it is cut off, count as
        damaged.

        Args:
            start_sec: seconds, included.
            end_sec: seconds, excluded.
            frame_filter: maps the ascending list of frame indices in the window to those to keep,
                in the order wanted and repeated if wanted; only those are converted. None keeps
                all.
            video_dtype: torch.float32 or torch.uint8, both with values in 0..255.
            on_damage: what to do with a frame that cannot be decoded, or that is built on one that
                cannot. "raise" raises VideoReadError. "pad" repeats the last good frame of the clip
                before it, or the first good one if there is none before, and adds the key `valid`,
                (T,) bool, False for what is repeated. In a clip without any good frame both raise.
            short_side: frames whose shorter side is more than 1.5 times this many pixels are scaled
                until it is this; smaller ones are left as they are. Saves time where the clip is
                scaled down later on. None keeps the size.
        """

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range] | None:
        """Say which frames of the window around several windows begin in each of them.

        So `get_clip` of that window, with a `frame_filter` that keeps what all of them want, gives
        their clips in one pass.

        Args:
            windows: (start_sec, end_sec) of each.

        Returns:
            For each the numbers of its frames, as `frame_filter` knows them in the window from the
            earliest start to the latest end; None if there is nothing to gain or it is not known.
        """
        return None

    def close(self) -> None:  # noqa: B027 (nothing to release by default)
        """Release files and decoders; more calls do nothing."""

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class VideoPathHandler:
    """Open a path as a video: a file as `EncodedVideo`, a folder of images as `FrameVideo`.

    Attributes:
        path_order_cache: folder -> its sorted image paths, so that a folder is listed once.
    """

    def __init__(self) -> None:
        self.path_order_cache: dict[str, list[str]] = {}

    def video_from_path(
        self,
        filepath: files.PathLike,
        decode_video: bool = True,
        decode_audio: bool = False,
        decoder: str = "pyav",
        fps: float = 30,
        modality: Literal["rgb", "flow"] = "rgb",
        **other_args: Any,
    ) -> Video:
        """Open the file or folder at `filepath`.

        Args:
            filepath: a path or URL; a scheme that cannot tell files from folders has files only.
                Or a video of a packed store, "STORE.ptvpack#NUMBER".
            decode_video: whether clips hold frames (files only).
            decode_audio: whether clips hold audio (files only).
            decoder: as in `EncodedVideo.from_path` (files only).
            fps: frames a second of an image folder (folders only).
            modality: whether a folder holds images, or pairs of images of optical flow as in
                `FlowVideo` (folders only).
            other_args: more arguments of `EncodedVideo`, such as `audio_rate` (files only).

        Raises:
            FileNotFoundError: if there is nothing at `filepath`.
            VideoReadError: if it cannot be opened as a video.
            AssertionError: if audio is asked of a folder.
            ValueError: if there is no such modality.
        """
        from pytorchvideo_clone.data.encoded_video import EncodedVideo
        from pytorchvideo_clone.data.flow_video import FlowVideo
        from pytorchvideo_clone.data.frame_video import FrameVideo
        from pytorchvideo_clone.data.packed import PackedVideo
        from pytorchvideo_clone.data.packed.store import split_path

        if split_path(filepath) is not None:
            return PackedVideo(filepath, decode_video, decode_audio, **other_args)
        folder_types: dict[str, type[FrameVideo] | type[FlowVideo]]
        folder_types = {"rgb": FrameVideo, "flow": FlowVideo}
        if modality not in folder_types:
            known = ", ".join(map(repr, folder_types))
            raise ValueError(f"modality is {modality!r}; it must be one of {known}.")
        if files.is_file(filepath):
            return EncodedVideo.from_path(
                filepath,
                decode_video=decode_video,
                decode_audio=decode_audio,
                decoder=decoder,
                **other_args,
            )
        if files.is_dir(filepath):
            # PyTorchVideo's exception: an AssertionError, raised so that python -O keeps it.
            if decode_audio:
                raise AssertionError(
                    f"{filepath} is a folder of images, which has no audio: pass "
                    "decode_audio=False."
                )
            return folder_types[modality].from_directory(
                os.fspath(filepath), fps, path_order_cache=self.path_order_cache
            )
        raise FileNotFoundError(f"{filepath} not found: it is neither a file nor a folder.")


def thwc_to_cthw(data: Tensor) -> Tensor:
    """Put the channels of a video first: (T, H, W, C) -> (C, T, H, W), a view.

    >>> thwc_to_cthw(torch.zeros(4, 6, 8, 3)).shape
    torch.Size([3, 4, 6, 8])
    """
    return data.permute(3, 0, 1, 2)


def as_clip(frames: Tensor, video_dtype: torch.dtype) -> Tensor:
    """Give frames the layout and type of a clip: (T, H, W, C) uint8 -> (C, T, H, W) in 0..255.

    Raises:
        ValueError: if `video_dtype` is neither uint8 nor a floating type.

    >>> as_clip(torch.zeros(4, 6, 8, 3, dtype=torch.uint8), torch.float32).shape
    torch.Size([3, 4, 6, 8])
    """
    if video_dtype != torch.uint8 and not video_dtype.is_floating_point:
        raise ValueError(
            f"video_dtype is {video_dtype}; it must be torch.uint8 or a floating type."
        )
    with stage("convert"):
        return thwc_to_cthw(_converted(frames, video_dtype))


def _converted(frames: Tensor, dtype: torch.dtype) -> Tensor:
    if frames.dtype == dtype or frames.device.type != "cpu" or frames.numel() == 0:
        return frames.to(dtype)
    # NumPy asks the system for large pages and torch does not: getting 70 MB in small ones takes
    # three times as long as converting them.
    memory = torch.from_numpy(np.empty(frames.numel() * dtype.itemsize, np.uint8))
    return memory.view(dtype).view(frames.shape).copy_(frames)


def check_on_damage(on_damage: str) -> None:
    """Raise ValueError if `on_damage` is none of the known ways."""
    if on_damage not in get_args(OnDamage):
        known = ", ".join(map(repr, get_args(OnDamage)))
        raise ValueError(f"on_damage is {on_damage!r}; it must be one of {known}.")
