import gc
import os
import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from pytorchvideo_clone.data import EncodedVideo, VideoReadError
from pytorchvideo_clone.data.encoded_video import select_video_class
from pytorchvideo_clone.data.encoded_video_pyav import EncodedVideoPyAV
from tests.data.coded_video import numbers, write_video


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_video(tmp_path_factory.mktemp("video") / "video.mp4", audio_sec=3)


def test_clip_holds_frames_and_sound_of_the_window(path: str) -> None:
    with EncodedVideo.from_path(path) as video:
        assert video.name == "video.mp4"
        clip = video.get_clip(0.5, Fraction(4, 5))
        assert numbers(clip["video"]) == list(range(15, 24))
        assert clip["audio"].dtype == torch.float32
        assert clip["audio"].shape[0] == pytest.approx(0.3 * 16000, abs=1024)


def test_what_is_not_asked_for_is_not_decoded(path: str) -> None:
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert video.get_clip(0, 1)["audio"] is None
    with EncodedVideo.from_path(path, decode_video=False) as video:
        clip = video.get_clip(0, 1)
        assert clip["video"] is None
        assert clip["audio"] is not None
        assert video.decoder_name is None
        assert float(video.duration) == pytest.approx(3, abs=0.1)
    with pytest.raises(ValueError, match="both False"):
        EncodedVideo.from_path(path, decode_video=False, decode_audio=False)


def test_clip_within_the_duration_always_has_frames(path: str) -> None:
    # The audio goes on for two more seconds, in which there would be nothing to see.
    with EncodedVideo.from_path(path) as video:
        assert video.get_clip(video.duration - Fraction(1, 30), video.duration)["video"] is not None


def test_name_with_a_colon_is_no_protocol(tmp_path: Path, monkeypatch) -> None:
    write_video(tmp_path / "http:1.mp4", audio_sec=1)
    monkeypatch.chdir(tmp_path)
    with EncodedVideo.from_path("http:1.mp4") as video:
        assert numbers(video.get_clip(0, 0.1)["video"]) == [0, 1, 2]
        assert video.name == "http:1.mp4"


def test_missing_path_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4"):
        EncodedVideo.from_path(tmp_path / "gone.mp4")


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "the file is empty"), (b"just some text\n", "it is no video file")],
)
def test_file_that_is_no_video_is_a_read_error(content: bytes, cause: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(content)
    with pytest.raises(VideoReadError, match=cause) as caught:
        EncodedVideo.from_path(bad)
    assert caught.value.path == str(bad)
    assert caught.value.backend == "pyav"
    assert caught.value.time is None


def test_file_without_video_says_so(tmp_path: Path) -> None:
    sound = write_video(tmp_path / "sound.mp4", frames=0, audio_sec=1)
    with pytest.raises(VideoReadError, match="no video stream"):
        EncodedVideo.from_path(sound)
    with EncodedVideo.from_path(sound, decode_video=False) as video:
        assert video.get_clip(0, 1)["audio"] is not None


def test_file_without_audio_says_so_if_only_that_is_asked(tmp_path: Path) -> None:
    silent = write_video(tmp_path / "silent.mp4")
    with pytest.raises(VideoReadError, match="no audio stream"):
        EncodedVideo.from_path(silent, decode_video=False)
    with EncodedVideo.from_path(silent) as video:
        assert video.get_clip(0, 1)["audio"] is None


def test_folder_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(VideoReadError, match="FrameVideo"):
        EncodedVideo.from_path(tmp_path)


def test_unknown_decoder_lists_the_known_ones(path: str) -> None:
    with pytest.raises(ValueError, match="'pyav', 'torchcodec', 'decord', 'auto'"):
        EncodedVideo.from_path(path, decoder="gif")
    with pytest.raises(TypeError, match="no_such_option"):
        EncodedVideo.from_path(path, no_such_option=1)


def test_selected_class_opens_with_its_decoder(path: str) -> None:
    assert select_video_class("pyav") is EncodedVideoPyAV
    with select_video_class("torchcodec")(path) as video:
        assert video.decoder_name == "torchcodec"


def test_file_object_is_read_and_closed(path: str) -> None:
    file = Path(path).open("rb")  # noqa: SIM115 (the video closes it)
    with EncodedVideo(file) as video:
        assert video.name == "video.mp4"
        assert numbers(video.get_clip(1, 1.1)["video"]) == [30, 31, 32]
        with pytest.raises(TypeError, match="file object"):
            pickle.dumps(video)
    assert file.closed


def test_closed_video_says_so(path: str) -> None:
    video = EncodedVideo.from_path(path)
    video.close()
    video.close()
    with pytest.raises(ValueError, match="closed"):
        video.get_clip(0, 1)


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_pickled_video_opens_its_own_decoder(path: str, decoder: str) -> None:
    with EncodedVideo.from_path(path, decoder=decoder) as video:
        copy = pickle.loads(pickle.dumps(video))
        assert copy.duration == video.duration
        assert numbers(copy.get_clip(1, 1.1)["video"]) == [30, 31, 32]
        assert numbers(video.get_clip(0, 0.1)["video"]) == [0, 1, 2]
        copy.close()


class Clips(Dataset):
    def __init__(self, video: EncodedVideo) -> None:
        self.video = video

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> list[int]:
        return numbers(self.video.get_clip(Fraction(index, 10), Fraction(index + 1, 10))["video"])


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_forked_workers_open_their_own_decoders(path: str, decoder: str) -> None:
    with EncodedVideo.from_path(path, decoder=decoder) as video:
        video.get_clip(0.5, 1)
        loader = DataLoader(
            Clips(video), batch_size=None, num_workers=2, multiprocessing_context="fork"
        )
        for index, found in enumerate(loader):
            assert found == [3 * index, 3 * index + 1, 3 * index + 2]


INHERITED = """
import gc, os, sys, time
import av, numpy
import pytorchvideo_clone.data

gc.disable()

def leave_garbage():
    resampler = av.AudioResampler("fltp", "mono", 16000)
    frame = av.AudioFrame.from_ndarray(numpy.zeros((1, 44100), "f4"), "fltp", "mono")
    frame.sample_rate = 44100
    resampler.resample(frame)
    circle = [resampler]
    circle.append(circle)

leave_garbage()
child = os.fork()
if child == 0:
    gc.collect()
    os._exit(0)
for _ in range(200):
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        sys.exit(status)
    time.sleep(0.1)
os.kill(child, 9)
sys.exit("it hangs")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_garbage_with_threads_is_not_collected_by_a_forked_process() -> None:
    """A filter graph that its parent left would wait there for threads that it has not."""
    command = [sys.executable, "-W", "ignore", "-c", INHERITED]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


TOO_LARGE = """
import pathlib, resource, sys
import torch
from pytorchvideo_clone.data import EncodedVideo, VideoReadError

video = EncodedVideo.from_path(sys.argv[1], decode_audio=False)
own = int(pathlib.Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
resource.setrlimit(resource.RLIMIT_AS, (own * resource.getpagesize() + 2**28,) * 2)
try:
    video.get_clip(0, 1)
except VideoReadError as error:
    sys.exit(0 if "there is no memory for its frames" in error.cause else error.cause)
sys.exit("it was read")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux' count of memory")
def test_frames_that_do_not_fit_into_memory_are_an_error_of_the_video(tmp_path: Path) -> None:
    given = write_video(tmp_path / "a.mp4", 10, 10, "mpeg4", (4096, 4096))  # 480 MiB of pixels
    command = [sys.executable, "-c", TOO_LARGE, given]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")


class Closing(Clips):
    def __getitem__(self, index: int) -> list[int]:
        self.video.close()
        return []


def test_forked_workers_can_close_what_they_inherited(path: str) -> None:
    with EncodedVideo.from_path(path) as video:
        video.get_clip(0.5, 1)  # now the decoder has threads, in this process alone
        workers = DataLoader(Closing(video), num_workers=1, multiprocessing_context="fork")
        assert len(list(workers)) == 8
        assert numbers(video.get_clip(1, 1.1)["video"]) == [30, 31, 32]


def test_opening_many_videos_leaves_no_file_open(path: str) -> None:
    def open_files() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    for _ in range(200):
        with EncodedVideo.from_path(path) as video:
            video.get_clip(1, 1.1)
    assert open_files() <= before
    for _ in range(20):  # also without closing
        EncodedVideo.from_path(path).get_clip(1, 1.1)
    assert open_files() <= before
