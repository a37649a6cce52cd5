"""Remote files: real HTTP with and without ranges, and fsspec's memory."""

import http.server
import logging
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import fsspec
import pytest
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import (
    ClipDataset,
    EncodedVideo,
    LabeledVideoPaths,
    VideoReadError,
    files,
    make_clip_sampler,
)
from pytorchvideo_clone.data.remote import RemoteHandler, register_remote
from tests.data.coded_video import numbers, write_video


class Server(http.server.ThreadingHTTPServer):
    """Serves the files of a folder and counts the bytes of their content that it sent."""

    def __init__(self, folder: Path, ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.ranges = folder, ranges
        self.sent = 0
        self.broken = False
        self.lock = threading.Lock()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    """GET and HEAD, with byte ranges if the server has them."""

    server: Server

    def do_HEAD(self) -> None:
        self.answer(send=False)

    def do_GET(self) -> None:
        self.answer(send=True)

    def answer(self, send: bool) -> None:
        path = self.server.folder / self.path.lstrip("/")
        if self.server.broken or not path.is_file():
            self.send_error(500 if self.server.broken else 404)
            return
        data = path.read_bytes()
        status, start, end = 200, 0, len(data)
        if self.server.ranges and "Range" in self.headers:
            first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            status, start, end = 206, int(first), min(int(last) + 1 if last else end, end)
        self.send_response(status)
        self.send_header("Content-Length", str(end - start))
        if self.server.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.end_headers()
        if send:
            self.count(end - start)  # before the other side has it, and looks at the number
            try:
                self.wfile.write(data[start:end])
            except (BrokenPipeError, ConnectionResetError):  # the other side looked at the head
                self.count(start - end)

    def count(self, size: int) -> None:
        with self.server.lock:
            self.server.sent += size

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve(tmp_path: Path) -> Iterator:
    servers = []

    def start(**options: bool) -> Server:
        server = Server(tmp_path, **options)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
    register_remote("http")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[str]:
    """A folder of two classes in fsspec's memory."""
    video = Path(write_video(tmp_path / "video.mp4", audio_sec=1)).read_bytes()
    store = fsspec.filesystem("memory")
    for name in ("/videos/run/a.mp4", "/videos/sit/b.mp4"):
        store.pipe(name, video)
    yield "memory://videos"
    store.rm("/videos", recursive=True)


def test_a_remote_folder_is_a_data_set(memory: str) -> None:
    videos = LabeledVideoPaths.from_path(memory)
    assert videos.class_names == ["run", "sit"]
    data = ClipDataset(videos, make_clip_sampler("constant_clips_per_video", Fraction(1, 5), 2))
    assert [sample["label"] for sample in data] == [0, 0, 1, 1]
    assert numbers(data[0]["video"]) == list(range(6))


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_frames_and_sound_come_over_http(serve, tmp_path: Path, decoder: str) -> None:
    path = write_video(tmp_path / "video.mp4", audio_sec=1)
    with EncodedVideo.from_path(serve().url("video.mp4"), decoder=decoder) as video:
        assert video.name == "video.mp4"
        clip = video.get_clip(0.5, 0.8)
    with EncodedVideo.from_path(path, decoder=decoder) as video:
        expected = video.get_clip(0.5, 0.8)
    assert clip["video"].equal(expected["video"])
    assert clip["audio"].equal(expected["audio"])


def long_video(folder: Path) -> Path:
    """A file of which a window is a small part."""
    return Path(
        write_video(folder / "long.mp4", 240, size=(480, 640), codec="mjpeg", pix_fmt="yuvj420p")
    )


def test_only_what_the_window_needs_travels(serve, tmp_path: Path) -> None:
    size = long_video(tmp_path).stat().st_size
    register_remote("http", block_bytes=4096)
    server = serve()
    with EncodedVideo.from_path(server.url("long.mp4"), decode_audio=False) as video:
        assert numbers(video.get_clip(5, 5.2)["video"]) == list(range(150, 156))
    assert 0 < server.sent < size / 4


def test_a_server_without_ranges_is_read_whole(serve, tmp_path: Path) -> None:
    long_video(tmp_path)
    register_remote("http", block_bytes=4096)
    with EncodedVideo.from_path(serve(ranges=False).url("long.mp4"), decode_audio=False) as video:
        assert numbers(video.get_clip(5, 5.2)["video"]) == list(range(150, 156))


def test_what_is_cached_does_not_travel_again(serve, tmp_path: Path) -> None:
    long_video(tmp_path)
    server = serve()
    register_remote("http", block_bytes=4096, cache_folder=tmp_path / "cache")
    clips = []
    for _ in range(2):
        before = server.sent
        with files.open_file(server.url("long.mp4")) as file:
            file.seek(9000)
            clips.append(file.read(6000))
        travelled = server.sent - before
    assert clips[0] == clips[1] == (tmp_path / "long.mp4").read_bytes()[9000:15000]
    assert travelled == 0


def test_a_file_that_changed_is_not_taken_from_the_cache(serve, tmp_path: Path) -> None:
    server = serve()
    register_remote("http", cache_folder=tmp_path / "cache")
    for content in (b"short", b"longer"):
        (tmp_path / "list.txt").write_bytes(content)
        with files.open_file(server.url("list.txt")) as file:
            assert file.read() == content


def test_the_cache_stays_within_its_size(serve, tmp_path: Path) -> None:
    content = long_video(tmp_path).read_bytes()
    cap = 40_000
    assert len(content) > 2 * cap
    register_remote("http", block_bytes=4096, cache_folder=tmp_path / "cache", cache_bytes=cap)
    server = serve()
    with files.open_file(server.url("long.mp4")) as file:
        assert file.read() == content
    kept = [path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert cap / 2 < sum(kept) <= cap


def test_a_block_cut_short_on_disk_is_fetched_again(serve, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"content")
    register_remote("http", cache_folder=tmp_path / "cache")
    url = serve().url("list.txt")
    for _ in range(2):
        with files.open_file(url) as file:
            assert file.read() == b"content"
        (block,) = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
        block.write_bytes(b"con")


@pytest.mark.parametrize("state", ["full", "no folder"])
def test_a_cache_without_room_fails_no_read(
    serve, tmp_path: Path, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    resource = pytest.importorskip("resource")
    content = long_video(tmp_path).read_bytes()
    (tmp_path / "file").touch()
    folder = tmp_path / ("cache" if state == "full" else "file/cache")
    register_remote("http", block_bytes=4096, cache_folder=folder)
    url = serve().url("long.mp4")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if state == "full":  # no file may grow beyond a part of a block
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with caplog.at_level(logging.WARNING), files.open_file(url) as file:
            assert file.read() == content
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    assert caplog.text.count("keeps nothing for now") == 1


def test_what_is_not_there_and_what_fails_are_told_apart(serve, tmp_path: Path) -> None:
    server = serve()
    with pytest.raises(FileNotFoundError, match=r"missing\.mp4"):
        EncodedVideo.from_path(server.url("missing.mp4"))
    long_video(tmp_path)
    register_remote("http", block_bytes=4096)
    video = EncodedVideo.from_path(server.url("long.mp4"), decode_audio=False)
    server.broken = True
    with pytest.raises(VideoReadError, match=r"long\.mp4 at 5\.000 s"):
        video.get_clip(5, 5.2)
    video.close()


def test_a_server_that_is_not_there_is_no_missing_file(serve, tmp_path: Path) -> None:
    server = serve()
    url = server.url("video.mp4")
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError, match=r"video\.mp4: Client\w*Error: ") as caught:
        EncodedVideo.from_path(url)
    assert not isinstance(caught.value, FileNotFoundError)
    with pytest.raises(VideoReadError, match="Error: "):
        ClipDataset([(url, {"label": 0})], make_clip_sampler("random", 1))[0]


def test_workers_read_remote_files(serve, tmp_path: Path) -> None:
    write_video(tmp_path / "video.mp4")
    url = serve().url("video.mp4")
    data = ClipDataset([(url, {"label": 3})] * 4, make_clip_sampler("uniform", 5))
    assert files.is_file(url)  # fsspec's own thread is running before the fork
    loader = DataLoader(data, batch_size=2, num_workers=2)
    assert [batch["label"].tolist() for batch in loader] == [[3, 3], [3, 3]]


def test_a_file_is_written_to_a_store(memory: str) -> None:
    with files.open_file(f"{memory}/list.txt", "w") as file:
        file.write("a.mp4 1\n")
    assert files.is_file(f"{memory}/list.txt")
    assert files.is_dir(memory)
    assert not files.is_dir(f"{memory}/list.txt")
    with files.open_file(f"{memory}/list.txt", "r") as file:
        assert file.read() == "a.mp4 1\n"
    assert len(LabeledVideoPaths.from_path(f"{memory}/list.txt")) == 1


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="does not know the scheme 'nowhere'"):
        RemoteHandler("nowhere")
    with pytest.raises(ValueError, match="cache_bytes is 0"):
        register_remote("memory", cache_bytes=0)
