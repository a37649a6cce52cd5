import pytest

from pytorchvideo_clone.cli import COMMANDS
from pytorchvideo_clone.cli.parser import parse
from tests.cli.test_signatures import commands


def refused(capsys: pytest.CaptureFixture, line: str) -> str:
    with pytest.raises(SystemExit) as end:
        parse(COMMANDS, line.split())
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) <= 5
    assert shown.err.startswith("error: ")
    return shown.err.partition("\n")[0].removeprefix("error: ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "a command is missing; choose one of models, predict"),
        ("trian", "there is no command trian; did you mean train?"),
        ("data", "a command is missing; choose one of scan"),
        ("data sacn", "did you mean scan?"),
        ("nothing-like-it", "choose of models, predict"),
        ("--verison", "there is no option --verison; did you mean --version?"),
        ("train videos --modle x3d_s", "there is no option --modle; did you mean --model"),
        ("train videos --epoch 3", "did you mean --epochs"),
        ("train videos --zzz=1", "there is no option --zzz."),
        ("train videos -x", "there is no option -x."),
        ("train", "data_path is missing: folder `<class>/*.mp4`"),
        ("predict x3d_s", "sources is missing: video files"),
        ("train videos more", "more is left over; the command takes data_path."),
        ("train videos --lr", "--lr needs a value."),
        ("train videos --epochs many", "--epochs is 'many'; it must be a whole number."),
        ("train videos --lr fast", "--lr is 'fast'; it must be a number."),
        ("train videos --pretrained=maybe", "--pretrained is 'maybe'; it must be true or false."),
        ("predict m a.mp4 --clips ten", "--clips is 'ten'; it must be a whole number or null."),
        ("data scan a --check al", "it must be one of header, ends, all; did you mean all?"),
        ("benchmark m --threads two", "--threads is 'two'; it must be whole numbers."),
    ],
)
def test_what_means_nothing_is_one_sentence_with_the_way_out(capsys, line: str, told: str) -> None:
    assert told in refused(capsys, line)


@pytest.mark.parametrize(
    ("line", "positional", "options"),
    [
        ("train videos --pretrained", [], {"pretrained": True}),
        ("train --pretrained videos", [], {"pretrained": True, "data_path": "videos"}),
        ("train videos --no-pretrained", [], {"pretrained": False}),
        ("train videos --pretrained true --lr 1", [], {"pretrained": True, "lr": 1.0}),
        ("train videos --pretrained=no", [], {"pretrained": False}),
        ("train videos --enable_progress_bar false", [], {"enable_progress_bar": False}),
        ("train videos --no_enable_progress_bar", [], {"enable_progress_bar": False}),
        ("train videos --batch_size=3", [], {"batch_size": 3}),
        ("train videos --batch-size 3", [], {"batch_size": 3}),
        ("data pack a b.ptvpack --short-side null", [], {"short_side": None, "audio": True}),
        ("predict m a b --top-k 2", [], {"model": "m", "sources": ["a", "b"], "top_k": 2}),
        ("benchmark a b --threads 1 2", [], {"models": ["a", "b"], "threads": [1, 2]}),
        ("models", [""], {}),
        ("models x3d", ["x3d"], {}),
        ("models --filter x3d", ["x3d"], {}),
        ("models --filter=x3d", ["x3d"], {}),
    ],
)
def test_words_become_arguments(line: str, positional: list, options: dict) -> None:
    _, found, settings = parse(COMMANDS, line.split())
    assert found == positional
    assert options.items() <= settings.items()


def test_help_spells_options_as_they_are_written(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = [["--help"], ["data", "--help"]]
    names += [[name, "--help"] for name in COMMANDS if name != "data"]
    names += [["data", name, "--help"] for name in COMMANDS["data"]]
    assert len(names) == len(commands()) + 2
    for words in names:
        with pytest.raises(SystemExit) as end:
            parse(COMMANDS, words)
        assert not end.value.code
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= 80
        options = [word for word in shown.split() if word.startswith("--")]
        assert "--help" in options
        assert not [option for option in options if "_" in option]
