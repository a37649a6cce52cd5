"""Every damaged, mislabelled or odd file through every decoder, each in a process of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytorchvideo_clone.data.decoders import DECODERS, decoder_report

ROOT = Path(__file__).parents[3]


@pytest.mark.slow  # 65 files, of which most are tried in eleven windows, twice
@pytest.mark.parametrize("decoder", DECODERS)
def test_no_decoder_crashes_hangs_or_gives_wrong_frames(decoder: str) -> None:
    status = next(status for status in decoder_report() if status.name == decoder)
    if not status.loads:
        pytest.skip(status.about)
    # pytest's own folder is closed to the user that has no right to read one of the files.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-m", "tests.data.fault_corpus", folder, decoder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) > 60
    assert {each["fault"]: each["wrong"] for each in outcomes if each["wrong"]} == {}
    kinds = ["mp4"] if decoder == "decord" else ["mp4", "mkv", "webm"]
    for each in outcomes:
        if each["fault"] in [f"{kind}: whole" for kind in kinds]:
            assert each["right"] >= 9
    if decoder == "pyav":
        kept = {each["fault"]: each["kept"] for each in outcomes}
        assert all(kept[f"{kind}: middle zeroed"] for kind in ("mp4", "avi", "mkv", "webm"))
        # Of 11 windows of 0.4 s: what lies before and after the damage can be read.
        right = {each["fault"]: each["right"] for each in outcomes}
        for kind in ("mp4", "avi", "mkv", "webm", "ts"):
            assert right[f"{kind}: first 50 % only"] >= 5
            assert right[f"{kind}: first 90 % only"] >= 8
            assert right[f"{kind}: middle zeroed"] >= 7
