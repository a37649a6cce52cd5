import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pytorchvideo_clone.data.decoders.sound_arrays import (
    Resampler,
    channels_first,
    nearest,
    resample,
    to_unit_range,
)


def test_channels_that_take_turns_are_parted() -> None:
    turns = np.array([[1, -1, 2, -2, 3, -3]], np.int16)
    frame = av.AudioFrame.from_ndarray(turns, format="s16", layout="stereo")
    assert channels_first(frame).tolist() == [[1, 2, 3], [-1, -2, -3]]


@pytest.mark.parametrize(
    ("codec", "channels"), [("aac", 8), ("libopus", 8), ("libopus", 16), ("flac", 8), ("tta", 16)]
)
def test_sound_of_many_channels_is_that_of_ffmpeg(
    codec: str, channels: int, tmp_path: Path
) -> None:
    file = tmp_path / "many.mka"
    tones = "|".join(f"0.5*sin({200 * place + 200}*t)" for place in range(channels))
    source = f"aevalsrc={tones}:d=0.3:s=48000:c={'7.1' if channels == 8 else '16c'}"
    options = ["-mapping_family", "255" if channels > 8 else "1"] * (codec == "libopus")
    made = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-c:a", codec, *options, file]
    subprocess.run(made, check=True)
    read = ["ffmpeg", "-v", "error", "-i", file, "-f", "f32le", "-"]
    expected = subprocess.run(read, capture_output=True, check=True).stdout
    with av.open(file) as opened:
        parts = [to_unit_range(channels_first(frame)) for frame in opened.decode(audio=0)]
    found = np.concatenate(parts, 1)
    told = np.frombuffer(expected, np.float32).reshape(-1, channels).T
    count = min(found.shape[1], told.shape[1])
    assert count > 12000
    np.testing.assert_allclose(found[:, :count], told[:, :count], atol=1e-3)


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (np.array([0, 128, 255], np.uint8), [-1, 0, 127 / 128]),
        (np.array([-(2**15), 2**14], np.int16), [-1, 0.5]),
        (np.array([-(2**31), 2**30], np.int32), [-1, 0.5]),
        (np.array([0.25], np.float64), [0.25]),
    ],
)
def test_values_come_into_the_unit_range(sound: np.ndarray, expected: list[float]) -> None:
    found = to_unit_range(sound)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(expected)


def test_a_resampled_tone_is_the_tone() -> None:
    seconds = np.arange(4410) / 44100
    sound = np.sin(2 * np.pi * 440 * seconds)[None].astype(np.float32)
    found = resample(sound, 44100, 16000)[0]
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / 16000)
    assert np.abs(found - expected)[100:-100].max() < 1e-3
    assert resample(sound, 8000, 8000) is sound


def test_halves_go_up() -> None:
    assert [nearest(x) for x in (Fraction(1, 2), 0.4999999, 1.49, Fraction(5, 2))] == [1, 1, 1, 3]


def noise(samples: int, rate: int) -> av.AudioFrame:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1, samples)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    return frame


@pytest.mark.parametrize(
    ("form", "layout", "rate", "size"),
    [("fltp", "mono", 16000, 0), ("s16", "stereo", 48000, 0), ("fltp", "mono", 44100, 1024)],
)
def test_it_gives_what_pyavs_resampler_gives(form: str, layout: str, rate: int, size: int) -> None:
    pairs = []
    for resampler in (
        Resampler(form, layout, rate, size),
        av.AudioResampler(form, layout, rate, frame_size=size),
    ):
        frames = [one for frame in (noise(5000, 44100), None) for one in resampler.resample(frame)]
        pairs.append((np.concatenate([f.to_ndarray() for f in frames], 1), [f.pts for f in frames]))
    (found, stamps), (expected, their_stamps) = pairs
    assert stamps == their_stamps
    np.testing.assert_array_equal(found, expected)
    assert Resampler(form, layout, rate).resample(None) == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux' list of threads")
def test_it_has_no_threads_for_which_a_forked_process_would_wait() -> None:
    resampler = Resampler("fltp", "mono", 16000)
    before = len(list(Path("/proc/self/task").iterdir()))
    resampler.resample(noise(5000, 44100))
    assert len(list(Path("/proc/self/task").iterdir())) == before
