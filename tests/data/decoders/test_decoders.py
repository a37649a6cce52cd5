import logging
from pathlib import Path

import pytest

from pytorchvideo_clone.data import decoders
from tests.data.coded_video import write_video


def test_report_has_a_line_for_every_decoder() -> None:
    report = decoders.decoder_report()
    assert [status.name for status in report] == list(decoders.DECODERS)
    assert report[0].loads
    assert all(status.about for status in report)


def test_auto_takes_the_first_that_loads_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        @staticmethod
        def about() -> str:
            raise ImportError("not here")

    monkeypatch.setattr(decoders, "DECODERS", {"broken": Broken, **decoders.DECODERS})
    decoders._first_that_loads.cache_clear()
    with caplog.at_level(logging.INFO):
        assert [decoders.resolve_decoder("auto") for _ in range(3)] == ["pyav"] * 3
    assert [record.getMessage() for record in caplog.records] == ["decoder='auto' takes pyav"]


def test_torchvision_is_torchcodec_with_an_explanation() -> None:
    with pytest.warns(UserWarning, match="torchvision dropped its video reader"):
        assert decoders.resolve_decoder("torchvision") == "torchcodec"


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"'gif'.*'pyav', 'torchcodec', 'decord', 'auto'"):
        decoders.resolve_decoder("gif")


def test_open_decoder_gives_the_one_of_that_name(tmp_path: Path) -> None:
    decoder = decoders.open_decoder(write_video(tmp_path / "video.mp4"), "pyav", perform_seek=False)
    assert decoder.name == "pyav"
    assert decoder.read(0, 0.1).pictures.shape == (3, 48, 64, 3)
    decoder.close()
