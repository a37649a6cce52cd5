from pathlib import Path

import av
import numpy as np
import pytest

from pytorchvideo_clone.data import EncodedVideo, VideoReadError
from pytorchvideo_clone.data.packed import PackedStore, pack_videos, unpack_video
from pytorchvideo_clone.data.packed.unpack import file_name, folder_names
from tests.data.coded_video import numbers, write_video
from tests.data.packed.stores import make_store
from tests.data.packed.test_sound import add_sound, samples


@pytest.mark.parametrize(("codec", "ending"), [("h264", "mp4"), ("h264", "mkv"), ("jpeg", "mkv")])
def test_an_unpacked_file_plays_like_its_source(tmp_path: Path, codec: str, ending: str) -> None:
    store = make_store(tmp_path, codec)
    for number in range(4):
        target = tmp_path / f"{number}.{ending}"
        unpack_video(store, number, target)
        source = PackedStore(store).name(number)
        with EncodedVideo.from_path(target) as mine, EncodedVideo.from_path(source) as video:
            # Matroska rounds times to milliseconds.
            assert float(mine.duration) == pytest.approx(float(video.duration), abs=0.1)
            clips = mine.get_clip(0, 100), video.get_clip(0, 100)
        assert numbers(clips[0]["video"]) == numbers(clips[1]["video"])
        assert (clips[0]["audio"] is None) == (clips[1]["audio"] is None)


def onset(file: Path) -> float:
    """Seconds at which the tone begins, by the clock of the pictures, as FFmpeg decodes it."""
    with av.open(str(file)) as opened:
        picture = opened.streams.video[0]
        begin = float((picture.start_time or 0) * picture.time_base)
        for frame in opened.decode(opened.streams.audio[0]):
            heard = frame.to_ndarray()
            heard = heard[0] / (32768 if heard.dtype == np.int16 else 1)
            if np.abs(heard).max() > 0.05:
                channels = 1 if frame.format.is_planar else frame.layout.nb_channels
                place = int(np.argmax(np.abs(heard) > 0.05)) // channels
                return frame.time - begin + place / frame.sample_rate
    raise AssertionError("no tone")


@pytest.mark.parametrize(
    ("codec", "container", "options", "ending", "note"),
    [
        ("aac", "mp4", "", "mp4", ""),
        ("aac", "mp4", "", "mkv", ""),
        (
            "alac",
            "mov",
            "",
            "mp4",
            "its sound was pcm_s16le, which the file cannot hold, and is AAC",
        ),
        ("pcm_mulaw", "mov", "-ar 8000 -ac 1", "mp4", "is AAC"),
        ("pcm_mulaw", "mov", "-ar 8000 -ac 1", "mkv", "is AAC"),
        ("wmav2", "asf", "", "mp4", "is AAC"),
    ],
)
def test_sound_that_a_file_cannot_hold_becomes_another(
    codec: str, container: str, options: str, ending: str, note: str, tmp_path: Path
) -> None:
    picture = write_video(tmp_path / "picture.mp4", 25, rate=25)
    (tmp_path / "v").mkdir()
    source = add_sound(picture, codec, container, options, tmp_path / "v")
    store, target = tmp_path / "s.ptvpack", tmp_path / f"out.{ending}"
    pack_videos(tmp_path / "v", store, num_workers=1)
    told = unpack_video(store, 0, target)
    assert note in told and bool(note) == bool(told)
    # AAC is heard a little before its time, and Matroska counts in thousandths.
    assert onset(target) == pytest.approx(onset(source), abs=0.01 if note else 0.0015)
    expected, found = samples(str(source))[0], samples(str(target))[0]
    assert np.abs(found[4000:7000]).max() == pytest.approx(
        np.abs(expected[4000:7000]).max(), rel=0.2
    )


def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    store = make_store(tmp_path, "jpeg")
    target = tmp_path / "out.webm"
    with pytest.raises(VideoReadError, match=r"out\.webm: it cannot be written"):
        unpack_video(store, 0, target)
    assert not target.exists()


@pytest.mark.parametrize(
    "source",
    [
        "v/12:30:05.mp4",
        "C:\\videos\\a?.mp4",
        "two\nlines.mp4",
        'say "hi" <b>.mp4',
        "caf\udce9.mp4",
        "../../up.mp4",
        "..",
        "con.mp4",
        "x" * 251 + ".mp4",
        "向" * 83 + ".mp4",
        "🎬.mp4",
        "trailing. .mp4",
    ],
)
def test_names_of_files_are_fit_for_every_system(source: str, tmp_path: Path) -> None:
    name = file_name(3, source, "mp4")
    assert name.startswith("000003_") and name.endswith(".mp4")
    assert len(name.encode()) < 255
    assert not set(name) & set('/\\:*?"<>|\n') and name.isprintable()
    (tmp_path / name).touch()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_names_of_classes_become_folders_of_their_own(tmp_path: Path) -> None:
    classes = ["run", "Run", "cut/paste", "cut:paste", "..", "../../out", "/abs", "CON", "a\nb", ""]
    folders = folder_names(classes)
    assert len({folder.lower() for folder in folders}) == len(classes)
    assert folders[:3] == ["run", "Run_1", "cut_paste"]
    for folder in folders:
        made = tmp_path / folder
        made.mkdir()
        assert made.resolve().parent == tmp_path.resolve()
