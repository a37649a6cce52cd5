import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytorchvideo_clone.cli.results import results_into

RESULTS: list[dict[str, Any]] = [
    {
        "video": "a.mp4",
        "predictions": [{"class": "run", "score": 0.75}, {"class": "ü, 向", "score": 0.1}],
    },
    {"video": "b.mp4", "error": 'no "video"'},
    {"video": "not\udce9text.mp4", "predictions": [{"class": "run", "score": 1.0}]},
]


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Results from rows."""
    found: dict[str, dict[str, Any]] = {}
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        for row in csv.DictReader(file):
            result = found.setdefault(row["video"], {"video": row["video"]})
            if row["error"]:
                result["error"] = row["error"]
                continue
            guess = {"class": row["class"], "score": float(row["score"])}
            result.setdefault("predictions", []).append(guess)
            assert int(row["rank"]) == len(result["predictions"])
    return list(found.values())


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "out.json": lambda path: json.loads(path.read_text()),
    "out.JSONL": lambda path: [json.loads(line) for line in path.read_text().splitlines()],
    "out.csv": read_csv,
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_is_whole_after_each_result(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    for _ in range(2):  # the second run takes the place of the first
        with results_into(str(path)) as write:
            for count, result in enumerate(RESULTS, start=1):
                write(result)
                assert READERS[name](path) == RESULTS[:count]


def test_an_earlier_file_stays_until_there_is_a_result(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("earlier")
    with pytest.raises(OSError), results_into(str(path)):
        raise OSError
    assert path.read_text() == "earlier"


def test_what_is_printed_is_json_also_after_a_stop(capsys: pytest.CaptureFixture) -> None:
    with results_into(None) as write:
        write(RESULTS[0])
        assert "a.mp4" in capsys.readouterr().out  # at once
    assert capsys.readouterr().out == "]\n"
    with pytest.raises(KeyboardInterrupt), results_into(None) as write:
        for result in RESULTS:
            write(result)
        raise KeyboardInterrupt
    assert json.loads(capsys.readouterr().out) == RESULTS
    with results_into(None):
        pass
    assert json.loads(capsys.readouterr().out) == []


def test_an_unfit_name_is_refused_before_any_work() -> None:
    with (
        pytest.raises(ValueError, match=r"must end in \.json or \.jsonl or \.csv"),
        results_into("a.txt"),
    ):
        pytest.fail("work")


def test_a_class_that_is_no_text_loses_no_result(tmp_path: Path) -> None:
    guesses = [{"class": "\ud800run", "score": 0.5}, {"class": "sit", "score": 0.25}]
    with results_into(str(tmp_path / "out.csv")) as write:
        write({"video": "a.mp4", "predictions": guesses})
        write(RESULTS[1])
    found = read_csv(tmp_path / "out.csv")
    assert [guess["class"] for guess in found[0]["predictions"]] == ["\\ud800run", "sit"]
    assert found[1] == RESULTS[1]
