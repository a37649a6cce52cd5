import gzip
import io
import multiprocessing
import os
from pathlib import Path

import fsspec
import pytest
import torch
from iopath.common.file_io import PathHandler, g_pathmgr

from pytorchvideo_clone.data import EncodedVideo, VideoPathHandler, export_video_array, files
from pytorchvideo_clone.data.packed.encode import encode_video
from pytorchvideo_clone.data.scan import probe_video
from tests.data.coded_video import numbers, write_video


class OpenOnly(PathHandler):
    """A scheme that opens files and can do nothing else, as simple remote stores do."""

    def __init__(self, content: dict[str, bytes]) -> None:
        super().__init__()
        self.content = content

    def _get_supported_prefixes(self) -> list[str]:
        return ["openonly://"]

    def _open(self, path: str, mode: str = "r", buffering: int = -1, **kwargs) -> io.BytesIO:
        return io.BytesIO(self.content[path])


@pytest.fixture
def scheme(tmp_path: Path):
    path = write_video(tmp_path / "video.mp4", audio_sec=1)
    g_pathmgr.register_handler(OpenOnly({"openonly://video.mp4": Path(path).read_bytes()}))
    yield "openonly://video.mp4"
    del g_pathmgr._path_handlers["openonly://"]


def test_local_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "a").mkdir()
    assert files.list_dir(tmp_path) == ["a", "b.txt"]
    assert files.is_dir(tmp_path / "a")
    assert not files.is_file(tmp_path / "a")
    assert files.is_file(tmp_path / "b.txt")
    assert files.exists(tmp_path / "b.txt")
    assert not files.exists(tmp_path / "c")
    assert files.local_path(tmp_path / "b.txt") == str(tmp_path / "b.txt")
    with files.open_file(tmp_path / "b.txt", "r") as file:
        assert file.read() == "b"


def test_a_scheme_that_only_opens_files_has_files_only(scheme: str) -> None:
    assert files.is_file(scheme)
    assert not files.is_dir(scheme)
    with pytest.raises(NotImplementedError):
        files.local_path(scheme)


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_video_of_a_registered_scheme_is_read(scheme: str, decoder: str) -> None:
    with EncodedVideo.from_path(scheme, decoder=decoder) as video:
        assert video.name == "video.mp4"
        clip = video.get_clip(0.5, 0.8)
        assert numbers(clip["video"]) == list(range(15, 24))
        assert clip["audio"].shape[0] > 0
    with VideoPathHandler().video_from_path(scheme) as video:
        assert numbers(video.get_clip(1, 1.1)["video"]) == [30, 31, 32]


def test_views_of_one_file_keep_their_own_positions() -> None:
    file = io.BytesIO(b"0123456789")
    first, second = files.FileView(file), files.FileView(file)
    first.seek(4)
    assert second.read(2) == b"01"
    assert first.read(2) == b"45"
    assert first.seek(-2, io.SEEK_END) == 8
    assert first.seek(-3, io.SEEK_CUR) == 5
    assert first.read() == b"56789"
    assert (first.tell(), second.tell()) == (10, 2)
    first.close()
    assert not file.closed


def test_a_view_of_a_file_is_not_moved_by_a_forked_process(tmp_path: Path) -> None:
    path = tmp_path / "digits"
    path.write_bytes(b"0123456789" * 1000)
    with path.open("rb") as file:
        view = files.FileView(file)
        assert view.read(3) == b"012"
        child = multiprocessing.get_context("fork").Process(target=view.seek, args=(5000,))
        child.start()
        child.join()
        assert child.exitcode == 0
        pid = os.fork()
        if pid == 0:  # shares the position of `file` with this process
            os.lseek(file.fileno(), 7777, os.SEEK_SET)
            view.read(2000)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert view.read(3) == b"345"
        assert view.seek(-1, io.SEEK_END) == 9999
        assert view.read() == b"9"
        with pytest.raises(ValueError, match="before the begin"):
            view.seek(-1)


def test_a_view_of_a_packed_file_reads_what_was_packed(tmp_path: Path) -> None:
    path = tmp_path / "digits.gz"
    path.write_bytes(gzip.compress(b"0123456789"))
    with gzip.open(path) as file:
        view = files.FileView(file)
        view.seek(4)
        assert view.read(2) == b"45"


@pytest.mark.parametrize("name", ["12:30:05.mp4", "http:d.mp4", "pipe:0.mp4", "data:,a.mp4"])
def test_a_colon_in_a_name_is_no_protocol(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = files.plain_path("made.mp4")
    assert made == "made.mp4"
    written = export_video_array(torch.zeros(3, 4, 16, 16), name, rate=10)
    assert written.frames == 4
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert files.local_path(name) == str(tmp_path / name)
    assert probe_video(name).num_frames == 4
    assert EncodedVideo.from_path(name).get_clip(0, 1)["video"].shape[1] == 4
    assert encode_video(name, "h264", None, 30, audio=False).duration == pytest.approx(0.4)


def test_text_is_utf_8_whatever_the_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What `open` takes where none is given, as on a Western Windows.
    monkeypatch.setattr("io.text_encoding", lambda encoding, stacklevel=2: encoding or "cp1252")
    with files.open_file(tmp_path / "a.txt", "w") as file:
        file.write("向上")
    assert (tmp_path / "a.txt").read_bytes() == "向上".encode()
    with files.open_file(tmp_path / "a.txt", "r") as file:
        assert file.read() == "向上"
    store = fsspec.filesystem("memory")
    store.pipe("/text/a.txt", "ü".encode())
    with files.open_file("memory://text/a.txt", "rt") as file:
        assert file.read() == "ü"


def test_names_are_joined_to_folders_and_stores() -> None:
    joined = {
        files.join("v", "a.mp4"): "v/a.mp4",
        files.join("s3://b/v", "a.mp4"): "s3://b/v/a.mp4",
        files.join("memory://v/", "a.mp4"): "memory://v/a.mp4",
        files.join("v", "s3://b/a.mp4"): "s3://b/a.mp4",
        files.join("s3://b", "/a.mp4"): "/a.mp4",
    }
    assert list(joined) == list(joined.values())
