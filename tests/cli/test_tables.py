import pytest

from pytorchvideo_clone.cli.tables import print_table

HEADER = ["model", "dtype", "clips/s", "note"]
ROWS = [["x3d_s", "float32", "12.5", "as it is"], ["slowfast_r50", "float32", "3.1", "slow " * 30]]


def printed(capsys: pytest.CaptureFixture) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_long_texts_are_folded_between_words(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table(HEADER, ROWS)
    lines = printed(capsys)
    assert max(map(len, lines)) <= 60
    assert " ".join(lines).split().count("slow") == 30
    assert "slowfast_r50  float32  3.1" in " ".join(lines)


def test_what_is_the_same_in_all_rows_is_said_once(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_table(HEADER, ROWS)
    lines = printed(capsys)
    assert max(map(len, lines)) <= 30
    assert lines[:3] == ["dtype: float32", "", "model         clips/s  note"]


def test_a_row_that_does_not_fit_becomes_lines(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    path = "/videos/" + "a" * 40 + ".mp4"
    print_table(["cannot be read", "cause"], [[path, "it is no video"], ["b.mp4", "empty"]])
    assert printed(capsys) == [path, "  cause: it is no", "    video", "b.mp4", "  cause: empty"]


def test_letters_that_take_two_columns_count_twice(capsys) -> None:
    print_table(["class", "videos"], [["向上", "1"], ["größe", "2"]])
    assert printed(capsys)[2:] == ["向上   1", "größe  2"]


def test_a_table_without_rows_is_its_header(capsys) -> None:
    print_table(["video", "damage"], [])
    assert printed(capsys) == ["video  damage", "-----  ------"]
