import subprocess
from pathlib import Path

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from tests.data.coded_video import numbers, write_video

CLUSTER = b"\x1f\x43\xb6\x75"


def test_packets_that_are_there_twice_are_shown_once(tmp_path: Path) -> None:
    whole = write_video(
        tmp_path / "whole.mkv",
        50,
        25,
        options={"bf": "2", "g": "12"},
        container_options={"cluster_time_limit": "200"},  # ms
    )
    data = Path(whole).read_bytes()
    begin = data.index(CLUSTER, len(data) // 2)
    end = data.index(CLUSTER, begin + 4)
    path = tmp_path / "twice.mkv"
    path.write_bytes(data[:end] + data[begin:])
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 3)["video"]) == list(range(50))


def test_frames_that_look_alike_are_all_shown(tmp_path: Path) -> None:
    path = tmp_path / "still.mkv"
    source = ["-f", "lavfi", "-i", "color=s=64x48:r=25", "-frames:v", "20", "-c:v", "mjpeg"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *source, path], check=True)
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        clip = video.get_clip(0, 1)["video"]
    assert clip is not None and clip.shape[1] == 20
