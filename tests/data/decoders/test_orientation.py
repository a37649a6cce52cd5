import gc
from pathlib import Path

import av
import numpy as np
import pytest

from pytorchvideo_clone.data.decoders import DECODERS, decoder_report
from pytorchvideo_clone.data.decoders.orientation import Orientation
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from tests.data.coded_video import numbers, write_video

PICTURE = np.arange(6).reshape(2, 3, 1)


def turned_file(source: str, path: Path, degrees: int, hflip: bool, vflip: bool) -> str:
    """A copy whose container asks for a turn and a mirror image."""
    with av.open(source) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        stream.set_display_rotation(degrees, hflip=hflip, vflip=vflip)
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return str(path)


@pytest.mark.parametrize(
    ("orientation", "shown"),
    [
        (Orientation(), [[0, 1, 2], [3, 4, 5]]),
        (Orientation(mirrored_columns=True), [[2, 1, 0], [5, 4, 3]]),
        (Orientation(mirrored_rows=True), [[3, 4, 5], [0, 1, 2]]),
        (Orientation(False, True, True), [[5, 4, 3], [2, 1, 0]]),
        (Orientation(True, True, False), [[2, 5], [1, 4], [0, 3]]),
        (Orientation(True, False, True), [[3, 0], [4, 1], [5, 2]]),
        (Orientation(True, False, False), [[0, 3], [1, 4], [2, 5]]),
    ],
)
def test_pictures_are_turned_and_mirrored(orientation: Orientation, shown: list) -> None:
    assert orientation.apply(PICTURE)[..., 0].tolist() == shown
    flips = orientation.mirrored_rows + orientation.mirrored_columns
    assert orientation.mirrors == ((flips + orientation.transposed) % 2 == 1)


@pytest.mark.parametrize(("hflip", "vflip"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.filterwarnings("ignore:decoder=.* does not read some")
def test_mirrored_videos_are_shown_mirrored(
    decoder: str, hflip: bool, vflip: bool, tmp_path: Path
) -> None:
    status = next(status for status in decoder_report() if status.name == decoder)
    if not status.loads:
        pytest.skip(status.about)
    plain = write_video(tmp_path / "plain.mp4", frames=6)
    path = turned_file(plain, tmp_path / "turned.mp4", 0, hflip, vflip)
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        shown = video.get_clip(0, 1)["video"]
    # The others leave a mirror image to PyAV, and say so.
    assert (video.refusal is not None) == (decoder != "pyav" and hflip != vflip)
    # Arithmetic undoes what the container asks for: the frames stand upright again.
    undone = shown.flip([3] * hflip + [2] * vflip)
    assert numbers(undone) == list(range(6))


def test_decoded_frames_are_freed_without_the_garbage_collector(tmp_path: Path) -> None:
    def alive() -> int:
        return sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())

    path = write_video(tmp_path / "video.mp4", 40)
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        gc.collect()
        gc.disable()
        try:
            before = alive()
            video.get_clip(0, 1)
            assert alive() - before < 5
        finally:
            gc.enable()
