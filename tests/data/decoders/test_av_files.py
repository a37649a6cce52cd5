import ast
import http.server
import io
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from pytorchvideo_clone import data
from pytorchvideo_clone.data import EncodedVideo, VideoReadError
from pytorchvideo_clone.data.decoders.av_files import exact, open_input
from tests.data.coded_video import write_video

# No other package may import PyAV, by tests/test_architecture.py.
DATA = Path(data.__file__).parent
MODULES = sorted(path for path in DATA.rglob("*.py") if path.name != "av_files.py")
RATES = {"average_rate", "base_rate", "guessed_rate", "framerate"}
OWNERS = {"stream", "packet", "frame", "container", "codec_context", "leading"}


class Server(http.server.ThreadingHTTPServer):
    """A server that keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("ratio", [None, (0, 1), (0, 0), (1, 0)])
def test_what_ffmpeg_does_not_know_is_none(ratio: tuple[int, int] | None) -> None:
    assert exact(ratio and SimpleNamespace(numerator=ratio[0], denominator=ratio[1])) is None


def test_rates_of_a_file_are_fractions(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", frames=5, rate=Fraction(30000, 1001))
    with open_input(str(path)) as file:
        stream = file.streams.video[0]
        rate, time_base = exact(stream.average_rate), exact(stream.time_base)
    assert (type(rate), rate) == (Fraction, Fraction(30000, 1001))
    assert type(time_base) is Fraction
    assert rate.as_integer_ratio() == (30000, 1001)


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv"])
def test_tags_that_are_not_utf8_do_not_matter(name: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, frames=5)
    with av.open(str(path)) as given, av.open(str(tmp_path / f"tagged_{name}"), "w") as out:
        out.metadata["title"] = "caf\N{LATIN SMALL LETTER E WITH ACUTE}!"
        target = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = target
                out.mux(packet)
    tagged = (tmp_path / f"tagged_{name}").read_bytes()
    assert b"caf\xc3\xa9" in tagged
    (tmp_path / name).write_bytes(tagged.replace(b"caf\xc3\xa9", b"caf\xe9\xe9"))
    with open_input(str(tmp_path / name)) as file:
        assert sum(packet.size > 0 for packet in file.demux(video=0)) == 5


def test_pyav_opens_and_counts_in_one_place() -> None:
    """No other module reads a file with `av.open`, or a rate of PyAV's but through `exact`."""
    assert [fault for path in MODULES for fault in _faults(path)] == []


def _faults(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    converted = [part for call in calls if ast.unparse(call.func) == "exact" for part in call.args]
    for call in calls:
        if ast.unparse(call.func) == "av.open" and ast.unparse(call.args[1]) != "'w'":
            yield f"{path.name}:{call.lineno}: open_input opens"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        owner = ast.unparse(node.value).rpartition(".")[2].strip("_")
        of_pyav = node.attr in RATES or (node.attr == "time_base" and owner in OWNERS)
        if of_pyav and node not in converted:
            yield f"{path.name}:{node.lineno}: exact({ast.unparse(node)})"


@pytest.mark.parametrize("decoder", ["pyav", "torchcodec", "decord"])
def test_an_open_file_names_nothing_that_is_opened(
    decoder: str, tmp_path: Path, server: Server
) -> None:
    video = write_video(tmp_path / "video.mp4", frames=5)
    address = f"{server.address}/video.mp4"
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{}\n#EXT-X-ENDLIST\n"
    texts = [playlist.format(address), playlist.format(video)]
    texts.append(f"ffconcat version 1.0\nfile '{video}'\n")
    texts.append("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n")
    texts[-1] += "m=video 29998 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    for text in texts:
        with pytest.raises(VideoReadError):
            EncodedVideo(io.BytesIO(text.encode()), decode_audio=False, decoder=decoder)
    assert server.asked == []
    with EncodedVideo(Path(video).open("rb"), decode_audio=False, decoder=decoder) as opened:
        assert opened.get_clip(0, 1)["video"] is not None


def test_no_filter_graph_but_one_without_threads() -> None:
    """PyAV's resampler has threads, for which a forked process that frees it would wait."""
    using = [path.name for path in DATA.rglob("*.py") if ".AudioResampler(" in path.read_text()]
    graphs = [path.name for path in DATA.rglob("*.py") if "filter.Graph(" in path.read_text()]
    assert (using, graphs) == ([], ["sound_arrays.py"])
