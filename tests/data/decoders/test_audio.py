from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from pytorchvideo_clone.data.decoders.audio import AudioReader
from tests.data.coded_video import write_video

RATE = 16000  # samples a second, 1024 a codec frame; sample k has the value k


@pytest.mark.parametrize("ending", ["mov", "mkv"])
def test_whole_codec_frames_that_begin_in_the_window_are_read(ending: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / f"video.{ending}", audio_sec=1, audio_codec="pcm_s16le")
    reader = AudioReader(path)
    sound = reader.read(0.5, 0.7)
    assert sound.dtype == torch.float32
    # 16-bit samples keep their values, and none is lost or repeated.
    assert torch.equal(sound, torch.arange(len(sound)) + sound[0])
    assert 0.5 * RATE <= sound[0] < 0.5 * RATE + 1024
    assert 0.7 * RATE <= sound[-1] + 1 < 0.7 * RATE + 1024
    assert torch.equal(reader.read(0, 2), torch.arange(RATE).float())
    reader.close()


def test_windows_share_no_sample(tmp_path: Path) -> None:
    reader = AudioReader(write_video(tmp_path / "video.mov", audio_sec=1, audio_codec="pcm_s16le"))
    parts = [reader.read(Fraction(k, 5), Fraction(k + 1, 5)) for k in range(5)]
    assert torch.equal(torch.cat(parts), torch.arange(RATE).float())
    reader.close()


def test_window_beyond_the_sound_is_none(tmp_path: Path) -> None:
    reader = AudioReader(write_video(tmp_path / "video.mp4", audio_sec=0.5))
    assert reader.read(0, 0.2) is not None
    assert reader.read(0.9, 1.2) is None
    assert reader.read(0.2, 0.2) is None
    reader.close()


def test_channels_that_take_turns_are_averaged(tmp_path: Path) -> None:
    path = str(tmp_path / "sound.wav")
    with av.open(path, "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        stream.layout = "stereo"
        both = np.stack([np.arange(800), np.arange(800) + 100], 1).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(both.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    reader = AudioReader(path)
    assert torch.equal(reader.read(0, 1), torch.arange(800).float() + 50)
    assert reader.duration == Fraction(1, 10)
    reader.close()


def test_sound_is_timed_from_the_begin_of_the_video(tmp_path: Path) -> None:
    # The video begins 1 s into the sound.
    path = write_video(
        tmp_path / "video.mov", pts=range(30, 70), audio_sec=3, audio_codec="pcm_s16le"
    )
    reader = AudioReader(path)
    sound = reader.read(0, 0.2)
    assert RATE <= sound[0] < RATE + 1024
    reader.close()


def test_file_without_sound_has_none(tmp_path: Path) -> None:
    reader = AudioReader(write_video(tmp_path / "video.mp4"))
    assert not reader.exists
    assert reader.duration == 0
    assert reader.read(0, 1) is None
    reader.close()
