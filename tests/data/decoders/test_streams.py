import io
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from av.stream import Disposition

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, picture, write_video

pytestmark = pytest.mark.filterwarnings("ignore:decoder=.* does not read")


def two_streams(path: Path, default: int) -> str:
    """A small stream that counts from 0, and a larger one that counts from 100.

    `default` is the one that the file says is to be shown by default.
    """
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("libx264", rate=25) for _ in range(2)]
        streams[default].disposition = Disposition.default
        for number, stream in enumerate(streams):
            stream.height, stream.width, stream.pix_fmt = 48 << number, 64 << number, "yuv420p"
        for place in range(10):
            for number, stream in enumerate(streams):
                shown = picture(100 * number + place, stream.height, stream.width)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(shown)))
        for stream in streams:
            out.mux(stream.encode())
    return str(path)


def number_that_ffmpeg_shows_first(path: str) -> int:
    """That of the stream that it takes by itself."""
    options = ["-v", "error", "-i", path, "-frames:v", "1", "-s", "64x48", "-pix_fmt", "rgb24"]
    command = ["ffmpeg", *options, "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    shown = torch.frombuffer(bytearray(raw), dtype=torch.uint8).reshape(1, 48, 64, 3)
    (number,) = numbers(shown.permute(3, 0, 1, 2)) or [-1]
    return number


@pytest.mark.parametrize(("ending", "default"), [("mp4", 0), ("mkv", 0), ("mkv", 1)])
def test_all_decoders_read_the_same_of_several_streams(
    decoder: str, ending: str, default: int, tmp_path: Path
) -> None:
    path = two_streams(tmp_path / f"two.{ending}", default)
    assert number_that_ffmpeg_shows_first(path) == 100 * default
    for chosen, first in ((None, 100 * default), (0, 0), (1, 100)):
        options = {} if chosen is None else {"video_stream": chosen}
        with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder, **options) as video:
            shown = numbers(video.get_clip(0, 1)["video"])
        assert shown == list(range(first, first + 10))
    with pytest.raises(VideoReadError, match="video_stream is 2; it has 2, from 0 on"):
        EncodedVideo.from_path(path, decoder=decoder, video_stream=2).get_clip(0, 1)


def test_windows_of_an_open_file_are_read_in_any_order(decoder: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 60, 30, options={"g": "12"})
    with EncodedVideo(io.BytesIO(Path(path).read_bytes()), "video.mp4", decoder=decoder) as video:
        for first in (40, 0, 20, 5):
            clip = video.get_clip(Fraction(first, 30), Fraction(first + 6, 30))["video"]
            assert numbers(clip) == list(range(first, first + 6))
