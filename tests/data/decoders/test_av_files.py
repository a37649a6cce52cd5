import ast
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from pytorchvideo_clone import data
from pytorchvideo_clone.data.decoders.av_files import exact, open_input
from tests.data.coded_video import write_video

# No other package may import PyAV, by tests/test_architecture.py.
DATA = Path(data.__file__).parent
MODULES = sorted(path for path in DATA.rglob("*.py") if path.name != "av_files.py")
RATES = {"average_rate", "base_rate", "guessed_rate", "framerate"}
OWNERS = {"stream", "packet", "frame", "container", "codec_context", "leading"}


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
