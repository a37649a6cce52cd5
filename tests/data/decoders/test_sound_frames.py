"""Sound by windows, against ffmpeg's own decode of noise: no sample is like its neighbours."""

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from benchmarks.sound import check
from pytorchvideo_clone.data.decoders import sound_frames
from pytorchvideo_clone.data.decoders.audio import AudioReader
from pytorchvideo_clone.data.decoders.sound_frames import SoundFrames
from tests.data.coded_video import write_video

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the ffmpeg program")


@needs_ffmpeg
@pytest.mark.parametrize(
    ("encoder", "ending"),
    [
        ("aac", "mp4"),  # noise of the decoder's own, which follows from all before
        ("ac3", "mkv"),
        ("libvorbis", "webm"),  # frames of several lengths, ticks of 1 ms
        ("libvorbis", "ogv"),
        ("flac", "ogv"),  # times at the end of pages only
        ("pcm_mulaw", "mkv"),
        ("eac3", "avi"),  # times made up from bytes
        ("libmp3lame", "avi"),
        ("mp2", "mpg"),  # entered within a frame
        ("pcm_dvd", "vob"),
        ("libmp3lame", "ts"),
    ],
)
def test_windows_side_by_side_are_what_ffmpeg_decodes(
    encoder: str, ending: str, tmp_path: Path
) -> None:
    row = check((tmp_path, encoder, ending))
    assert row is not None and row.outcome == "right"


@needs_ffmpeg
def test_sound_that_is_far_away_is_entered_and_the_walk_goes_on_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check((tmp_path, "aac", "mp4"))
    monkeypatch.setattr(sound_frames, "_WALKED_SEC", 2)
    reader = AudioReader(str(tmp_path / "aac.mp4"))
    opened = []
    plain_open = reader._sound.reopen
    monkeypatch.setattr(reader._sound, "reopen", lambda: opened.append(1) or plain_open())
    far = reader.read_samples(4, 5)
    assert not opened
    near = [reader.read_samples(Fraction(n, 2), Fraction(n + 1, 2)) for n in range(10)]
    assert len(opened) == 1  # from the begin, once
    # Entered in the middle, the sound is the same but for the decoder's own noise.
    together = torch.cat(near[8:])
    assert torch.corrcoef(torch.stack([together, far]))[0, 1] > 0.5
    assert not torch.equal(together, far)


def test_damage_counts_in_its_own_window_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = AudioReader(write_video(tmp_path / "a.mp4", 60, audio_sec=3))
    good = reader.read_samples(0, 3)
    decode = SoundFrames._decode

    def damaged(self: SoundFrames) -> Iterator[tuple[int, object]]:
        for pts, frame in decode(self):
            at = float(pts * self.time_base)
            yield (0, av.InvalidDataError(1, "broken")) if 0.95 < at < 1.05 else (pts, frame)

    monkeypatch.setattr(SoundFrames, "_decode", damaged)
    reader = AudioReader(str(tmp_path / "a.mp4"))
    rate = len(good) // 3
    assert torch.equal(reader.read_samples(2, 3), good[2 * rate :])
    assert torch.equal(reader.read_samples(0, Fraction(1, 2)), good[: rate // 2])
    with pytest.raises(av.InvalidDataError):
        reader.read_samples(Fraction(1, 2), 2)
    tolerated = reader.read_samples(Fraction(1, 2), 2, tolerant=True)
    assert (tolerated[rate // 2 :][: rate // 50] == 0).all()
    assert torch.equal(tolerated[-rate // 2 :], good[rate * 3 // 2 : 2 * rate])


def test_a_cover_does_not_shift_the_sound(tmp_path: Path) -> None:
    given = write_video(tmp_path / "a.mp4", 30, audio_sec=1)
    reader = AudioReader(given)
    moved = AudioReader(given, reader._sound.begin_of_pictures + Fraction(1, 5))
    torch.testing.assert_close(
        moved.read_samples(0, Fraction(1, 2)), reader.read_samples(Fraction(1, 5), Fraction(7, 10))
    )
