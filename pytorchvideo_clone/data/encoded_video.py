"""A video file, cut into clips by time."""

import functools
import gc
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

import av
import torch

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders import (
    Decoder,
    open_reliable_decoder,
    resolve_decoder,
)
from pytorchvideo_clone.data.decoders.audio import DECORD_SOUND, AudioOptions, AudioReader
from pytorchvideo_clone.data.video import (
    Clip,
    FrameFilter,
    OnDamage,
    Seconds,
    Video,
    VideoReadError,
    as_clip,
    check_on_damage,
)

__all__ = ["EncodedVideo", "select_video_class"]


class EncodedVideo(Video):
    """A video file, cut into clips by time.

    Args:
        file: a path on this machine, or an open binary file, which `close` closes.
        video_name: what `name` says; the file name by default.
        decode_audio: whether clips hold audio, where there is any.
        decode_video: whether clips hold frames.
        decoder: "pyav", "torchcodec", "decord", or "auto" for the first of them that loads, which
            `decoder_name` then says. It reads the frames; audio is always read by PyAV, and so are
            the frames of a file that the decoder is known to read wrongly (see `refusal`).
        audio_rate: samples a second. With a number, or "native" for the file's own, the audio is
            exactly that of the window, (end - start) * rate samples in [-1, 1], silent where the
            file has none. None gives the codec frames that begin in it, whole, as PyTorchVideo;
            with decord as there 44100 Hz, or `sample_rate`.
        audio_mono: the mean of the channels, (S,); else (channels, S), which needs `audio_rate`.
        missing_audio: "silence" gives zeros where the file has no sound at all, or damaged one, and
            the clip's key `has_audio` says so; `audio_rate` must then be a number.
        other_args: options of the decoder, such as `perform_seek` of `PyAVDecoder`.

    Raises:
        VideoReadError: if it cannot be opened as a video.
        ValueError: if there is no such decoder, or nothing to decode.
        ImportError: if the decoder does not load.

    >>> import tempfile, torch
    >>> from pytorchvideo_clone.data import export_video_array
    >>> path = f"{tempfile.mkdtemp()}/black.mp4"
    >>> _ = export_video_array(torch.zeros(3, 20, 16, 24), path, rate=10)
    >>> with EncodedVideo.from_path(path) as video:
    ...     clip = video.get_clip(0.5, 1.5, frame_filter=lambda indices: indices[::2])
    >>> clip["video"].shape
    torch.Size([3, 5, 16, 24])
    """

    _OWN_DECODER: ClassVar[str | None] = None  # of a class that has no other

    def __init__(
        self,
        file: files.PathLike | BinaryIO,
        video_name: str | None = None,
        decode_audio: bool = True,
        decode_video: bool = True,
        decoder: str = "pyav",
        *,
        audio_rate: int | Literal["native"] | None = None,
        audio_mono: bool = True,
        missing_audio: Literal["silence"] | None = None,
        **other_args: Any,
    ) -> None:
        self._source = os.fspath(file) if isinstance(file, str | os.PathLike) else file
        if not decode_video and not decode_audio:
            raise ValueError(
                "decode_video and decode_audio are both False: nothing is left to read."
            )
        if isinstance(self._source, str) and ":" in self._source and Path(self._source).exists():
            # FFmpeg takes what stands before a colon for a protocol, unless the path is absolute.
            self._source = str(Path(self._source).absolute())
        origin = self._source if isinstance(self._source, str) else getattr(file, "name", None)
        self._name = video_name or (Path(origin).name if isinstance(origin, str) else "video")
        self._decode_video = decode_video
        self._decode_audio = decode_audio
        self._decoder_name = resolve_decoder(decoder)
        sound: dict[str, Any] = {
            "audio_rate": audio_rate,
            "audio_mono": audio_mono,
            "missing_audio": missing_audio,
        }
        if not decode_audio and AudioOptions.of({"decode_audio": True, **sound}) != AudioOptions():
            raise ValueError("audio_rate, audio_mono and missing_audio need decode_audio=True.")
        if self._decoder_name == "decord":
            sound |= {key: other_args.pop(key) for key in DECORD_SOUND if key in other_args}
        self._audio_options = AudioOptions.of(
            {"decode_audio": decode_audio, "decoder": self._decoder_name, **sound}
        )
        self._other_args = other_args
        self._refusal: str | None = None
        self._decoder: Decoder | None = None
        self._audio: AudioReader | None = None
        self._closed = False
        self._open()

    @classmethod
    def from_path(
        cls,
        file_path: files.PathLike,
        decode_video: bool = True,
        decode_audio: bool = True,
        decoder: str = "pyav",
        **other_args: Any,
    ) -> "EncodedVideo":
        """Open the video file at a path or URL, as the class of its decoder.

        Args:
            file_path: a path, or a URL of a scheme that iopath knows (see `data.files`).
            decode_video: whether clips hold frames.
            decode_audio: whether clips hold audio, where there is any.
            decoder: as for `EncodedVideo`.
            other_args: options of the decoder.

        Raises:
            FileNotFoundError: if there is nothing at `file_path`.
            VideoReadError: if it cannot be opened as a video.
        """
        if files.is_dir(file_path):
            raise VideoReadError(
                "it is a folder; for a folder of images use FrameVideo.from_directory",
                os.fspath(file_path),
            )
        if not files.is_file(file_path):
            raise FileNotFoundError(f"{os.fspath(file_path)} not found.")
        source: Any
        try:
            source = files.local_path(file_path)
        except NotImplementedError:  # the scheme offers open files only
            source = files.open_file(file_path)
        name = Path(os.fspath(file_path)).name
        return cls._class_for(decoder)(
            source, name, decode_video=decode_video, decode_audio=decode_audio, **other_args
        )

    @classmethod
    def _class_for(cls, decoder: str) -> "Callable[..., EncodedVideo]":
        """Give what `from_path` opens a video with: this class, unless it is another's decoder."""
        if cls._OWN_DECODER is None and cls is not EncodedVideo:
            return functools.partial(cls, decoder=decoder)
        # "pyav" is the default of `from_path`.
        return cls if cls._OWN_DECODER in (decoder, "pyav") else select_video_class(decoder)

    @property
    def name(self) -> str:
        """Name of the video: its file name unless one was given."""
        return self._name

    @property
    def decoder_name(self) -> str | None:
        """Name of the decoder that reads the frames; None if they are not decoded."""
        if not self._decode_video:
            return None
        return "pyav" if self._refusal else self._decoder_name

    @property
    def refusal(self) -> str | None:
        """Why the decoder that was asked for does not read this file, so that PyAV does."""
        return self._refusal

    @property
    def duration(self) -> Fraction:
        """Seconds from the begin of the first frame to the end of the last.

        Without `decode_video`, the length of the audio.
        """
        return self._duration

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        *,
        on_damage: OnDamage = "raise",
        short_side: int | None = None,
    ) -> Clip:
        """Read what begins in [start_sec, end_sec), seconds from the first frame.

        Args:
            start_sec: seconds, included.
            end_sec: seconds, excluded.
            frame_filter: maps the positions 0, 1, ... of the frames in the window to those to keep.
            video_dtype: torch.float32 or torch.uint8.
            on_damage: "raise" or "pad", as in `Video.get_clip`.
            short_side: as in `Video.get_clip`; PyAV scales before it converts the colours.

        Returns:
            `Clip`; its entries are None where nothing begins in the window.

        Raises:
            VideoReadError: if frames that are wanted cannot be decoded; with "pad", if none can.
        """
        check_on_damage(on_damage)
        if self._closed:
            raise ValueError(f"{self._name} is closed; open it again to read from it.")
        self._reopen_after_fork()
        clip: Clip = {"video": None, "audio": None}
        if on_damage == "pad":
            clip["valid"] = None
        with self._reading(start_sec):
            if self._decoder:
                frames = self._decoder.read(
                    start_sec, end_sec, frame_filter, on_damage=on_damage, short_side=short_side
                )
                if frames is not None:
                    clip["video"] = as_clip(frames.pictures, video_dtype)
                    if on_damage == "pad":
                        clip["valid"] = frames.valid
            if self._audio:
                clip.update(self._audio_options.read(self._audio, start_sec, end_sec))
        return clip

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range] | None:
        """Count the frames of windows, as `Video.places`; None with audio, which is read apart."""
        if self._closed or self._audio or not self._decode_video:
            return None
        self._reopen_after_fork()
        assert self._decoder is not None
        with self._reading(min(start for start, _ in windows)):
            return self._decoder.places(windows)

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self._closed = True
        for part in (self._decoder, self._audio):
            if part:
                part.close()
        self._decoder = self._audio = None
        if not isinstance(self._source, str):
            self._source.close()

    def __getstate__(self) -> dict[str, Any]:
        if not isinstance(self._source, str):
            raise TypeError(
                f"{self._name} was opened from a file object, which cannot travel to another "
                "process; open it by path."
            )
        # A decoder holds the state of a C library: the other process opens its own.
        return {**self.__dict__, "_decoder": None, "_audio": None, "_process": None}

    def _open(self) -> None:
        try:
            with self._reading():
                if self._decode_video:
                    self._decoder, self._refusal = open_reliable_decoder(
                        self._own_source, self._decoder_name, **self._other_args
                    )
                    self._duration = self._decoder.duration
                if self._decode_audio:
                    begin = self._decoder.begin if self._decoder else None
                    self._audio = AudioReader(self._own_source(), begin)
                if self._audio and not self._decode_video:
                    if not self._audio.exists and not self._audio_options.missing:
                        raise VideoReadError("it has no audio stream, and decode_video is False")
                    self._duration = self._audio.duration or self._audio.file_duration
        except BaseException:
            self.close()
            raise
        self._process: int | None = os.getpid()
        _OPEN.add(self)

    def _own_source(self) -> Any:
        return self._source if isinstance(self._source, str) else files.FileView(self._source)

    def _reopen_after_fork(self) -> None:
        """Open again in a process that inherited or received this object.

        No decoder is ever shared between processes. An open file is, and with it the offset of one
        that is not on this machine: give paths to worker processes.
        """
        if self._process != os.getpid():
            self._open()

    @contextmanager
    def _reading(self, time: Seconds | None = None) -> Iterator[None]:
        """Say in an error which video, when and by which decoder."""
        origin = self._source if isinstance(self._source, str) else self._name
        backend = self.decoder_name or "pyav"
        try:
            yield
        except FileNotFoundError:
            raise
        except VideoReadError as error:
            time = time if error.time is None else error.time
            raise VideoReadError(error.cause, origin, backend, time) from error
        except MemoryError as error:
            cause = f"there is no memory for its frames ({str(error) or 'of FFmpeg'})"
            raise VideoReadError(cause, origin, backend, time) from error
        except (av.FFmpegError, OSError) as error:
            cause = error.strerror or str(error)
            if isinstance(self._source, str) and Path(self._source).stat().st_size == 0:
                cause = "the file is empty"
            elif isinstance(error, av.InvalidDataError) and time is None:
                cause = f"it is no video file, or its header is damaged ({cause})"
            raise VideoReadError(cause, origin, backend, time) from error


_OPEN: "weakref.WeakSet[EncodedVideo]" = weakref.WeakSet()

# Decoders of a parent process, kept from being freed in its children.
_INHERITED: list[Any] = []


def _leave_decoders_to_parent() -> None:
    """In a new process, take the inherited decoders out of every video.

    Freed here, by `close` or by garbage collection, they could wait for threads that only the
    parent has. So could what was garbage when the process began, ours or not: a filter graph of
    PyAV, for one. Nothing of that is collected.
    """
    gc.freeze()
    for video in list(_OPEN):
        _INHERITED.append((video._decoder, video._audio))
        video._decoder = video._audio = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_decoders_to_parent)


def select_video_class(decoder: str) -> Callable[..., EncodedVideo]:
    """Give what opens a video with the decoder of this name: PyTorchVideo's class for it, if any.

    Raises:
        ValueError: if there is no such decoder.
    """
    from pytorchvideo_clone.data.encoded_video_decord import EncodedVideoDecord
    from pytorchvideo_clone.data.encoded_video_pyav import EncodedVideoPyAV
    from pytorchvideo_clone.data.encoded_video_torchvision import EncodedVideoTorchVision

    classes: dict[str, Callable[..., EncodedVideo]] = {
        "pyav": EncodedVideoPyAV,
        "decord": EncodedVideoDecord,
        "torchvision": EncodedVideoTorchVision,
    }
    if decoder in classes:
        return classes[decoder]
    return functools.partial(EncodedVideo, decoder=resolve_decoder(decoder))
