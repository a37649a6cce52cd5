from pathlib import Path

import pytest

from pytorchvideo_clone.data.decoders.evidence import Evidence
from tests.data.coded_video import write_video

NAMES = {
    "mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "mkv": "matroska,webm",
    "avi": "avi",
    "mxf": "mxf",
    "wmv": "asf",
    "flv": "flv",
}


@pytest.mark.parametrize("ending", NAMES)
def test_a_file_that_was_cut_states_a_larger_size(ending: str, tmp_path: Path) -> None:
    codec = {"avi": "mpeg4", "mxf": "mpeg2video", "wmv": "wmv2"}.get(ending, "libx264")
    container = {"movflags": "faststart"} if ending == "mp4" else None
    path = Path(
        write_video(tmp_path / f"a.{ending}", 30, 25, codec=codec, container_options=container)
    )
    assert Evidence(NAMES[ending], str(path)).of_cut is None
    whole = path.read_bytes()
    for share in (0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        assert Evidence(NAMES[ending], str(path)).of_cut is not None


def test_streams_without_a_size_state_none(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "a.ts", 30))
    path.write_bytes(path.read_bytes()[:4000])
    assert Evidence("mpegts", str(path)).of_cut is None
    live = {"live": "1"}
    path = Path(write_video(tmp_path / "live.mkv", 30, container_options=live))
    path.write_bytes(path.read_bytes()[:4000])
    assert Evidence("matroska,webm", str(path)).of_cut is None


@pytest.mark.parametrize(
    ("container", "head"),
    [
        ("avi", b"JUNK" + (300).to_bytes(4, "little")),
        ("matroska,webm", b"\xec\x41\x2c"),
        ("matroska,webm", b"\xec\x01\x00\x00\x00\x00\x00\x01\x2c"),
        ("mxf", bytes.fromhex("060e2b34010101020301021001000000") + b"\x82\x01\x2c"),
    ],
)
def test_zeros_of_an_element_that_fills_are_no_hole(
    container: str, head: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff" * 50 + head + bytes(300) + b"\xff" * 50)
    begin = 50 + len(head)
    evidence = Evidence(container, str(path))
    assert evidence.fills(begin, begin + 300, begin + 350)
    assert not evidence.fills(begin, begin + 301, begin + 350)
    # The same zeros without it.
    path.write_bytes(b"\xff" * begin + bytes(300) + b"\xff" * 50)
    assert not evidence.fills(begin, begin + 300, begin + 350)


def test_transport_streams_have_zeros_in_one_packet_only(tmp_path: Path) -> None:
    evidence = Evidence("mpegts", str(tmp_path / "none"))
    assert evidence.fills(0, 184, 1000)
    assert not evidence.fills(0, 400, 1000)
