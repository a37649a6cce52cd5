"""Exact windows of sound: real files of several containers and codecs, made on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from pytorchvideo_clone.data.decoders.audio import AudioOptions, AudioReader
from tests.data.coded_video import picture, write_video

HERTZ = (440, 660)  # of the left and the right channel

# Ending, codec, rate, channels, largest difference from the tone; None where the codec delays it.
FILES = [
    ("mp4", "aac", 44100, 2, 0.07),
    ("mp4", "aac", 48000, 1, 0.07),
    ("mp4", "libmp3lame", 44100, 2, None),
    ("mov", "pcm_s16le", 48000, 2, 1e-4),
    ("mov", "pcm_s24le", 44100, 1, 1e-4),
    ("mov", "pcm_u8", 11025, 2, 0.02),
    ("mkv", "aac", 44100, 2, 0.07),
    ("mkv", "libmp3lame", 22050, 1, None),
    ("mkv", "pcm_f32le", 48000, 1, 1e-4),
    ("mkv", "flac", 44100, 2, 1e-4),
    ("webm", "libopus", 48000, 2, 0.05),
    ("avi", "libmp3lame", 44100, 2, None),
    ("avi", "pcm_s16le", 16000, 2, 1e-4),
    ("avi", "aac", 44100, 1, None),
    ("ts", "aac", 44100, 2, None),
]
TIMED = [file for file in FILES if file[-1] is not None]
VIDEO_CODECS = {"webm": "libvpx", "avi": "mpeg4"}


def tone(rate: int, channels: int, start: float, count: int) -> np.ndarray:
    """(channels, count) of half loudness."""
    seconds = start + np.arange(count) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * HERTZ[c] * seconds) for c in range(channels)])


def write_tone(
    path: Path, codec: str, rate: int, channels: int, begin: float = 0, seconds: float = 1.5
) -> str:
    """A video of 1.5 s at 20 frames a second, with a tone from `begin` on."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(VIDEO_CODECS.get(path.suffix[1:], "libx264"), rate=20)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.thread_count = 1
        sound = out.add_stream(codec, rate=rate)
        sound.layout = "mono" if channels == 1 else "stereo"
        if codec in ("aac", "libmp3lame", "libopus"):
            sound.bit_rate = 192000
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 20)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        values = tone(rate, channels, begin, round(seconds * rate)).astype(np.float32)
        for start in range(0, values.shape[1], 1024):
            piece = np.ascontiguousarray(values[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=sound.layout.name)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = round(begin * rate) + start
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    return str(path)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory):
    folder, made = tmp_path_factory.mktemp("tones"), {}

    def write(ending: str, codec: str, rate: int, channels: int) -> str:
        key = f"{codec}_{rate}_{channels}.{ending}"
        if key not in made:
            made[key] = write_tone(folder / key, codec, rate, channels)
        return made[key]

    return write


@pytest.mark.parametrize("ending, codec, rate, channels, tolerance", FILES)
def test_windows_fit_together_without_loss(
    make, ending: str, codec: str, rate: int, channels: int, tolerance: float | None
) -> None:
    reader = AudioReader(make(ending, codec, rate, channels))
    whole = reader.read_samples(0, Fraction(7, 5), mono=False)
    assert whole.shape == (channels, round(1.4 * rate)) and whole.dtype == torch.float32
    assert whole.abs().max() <= 1
    step = Fraction(round(0.2 * rate), rate)
    parts = [reader.read_samples(k * step, (k + 1) * step, mono=False) for k in (6, 2, 3, 4, 5)]
    order = torch.cat([parts[1], parts[2], parts[3], parts[4], parts[0]], 1)
    expected = whole[:, round(0.2 * rate) * 2 :][:, : order.shape[1]]
    near = slice(None, expected.shape[1])
    # AAC decoders add noise of their own; Opus needs long to come to itself.
    atol = 0.05 if codec == "libopus" else 2e-3
    torch.testing.assert_close(order[:, near], expected, atol=atol, rtol=0)
    reader.close()


@pytest.mark.parametrize("ending, codec, rate, channels, tolerance", TIMED)
@pytest.mark.parametrize("wanted", [None, 16000])
def test_a_sample_is_the_tone_at_its_time(
    make,
    ending: str,
    codec: str,
    rate: int,
    channels: int,
    tolerance: float,
    wanted: int | None,
) -> None:
    reader = AudioReader(make(ending, codec, rate, channels))
    sound = reader.read_samples(0.4, 1.2, wanted, mono=False)
    rate = wanted or rate
    assert sound.shape == (channels, round(0.8 * rate))
    errors = {}
    for shift in (-2, -1, 0, 1, 2):
        expected = tone(rate, channels, (round(0.4 * rate) + shift) / rate, sound.shape[1])
        errors[shift] = np.abs(sound.numpy() - expected).max()
    assert min(errors, key=errors.get) == 0
    assert errors[0] < tolerance
    mono = reader.read_samples(0.4, 1.2, wanted)
    torch.testing.assert_close(mono, sound.mean(0), atol=1e-5, rtol=0)
    reader.close()


@pytest.mark.parametrize("wanted", [8000, 11025, 16000, 44100, 48000])
def test_resampled_windows_fit_together_and_have_one_length(make, wanted: int) -> None:
    reader = AudioReader(make("mp4", "aac", 44100, 2))
    whole = reader.read_samples(0, 1, wanted)
    parts = [reader.read_samples(Fraction(k, 5), Fraction(k + 1, 5), wanted) for k in range(5)]
    assert {len(part) for part in parts} == {wanted // 5}
    torch.testing.assert_close(torch.cat(parts), whole, atol=2e-3, rtol=0)
    starts = torch.rand(8, generator=torch.Generator().manual_seed(0)).tolist()
    lengths = {len(reader.read_samples(start, start + 32 / 30, wanted)) for start in starts}
    assert lengths == {round(32 / 30 * wanted)}
    reader.close()


@pytest.mark.parametrize("ending, codec", [("mp4", "aac"), ("mkv", "pcm_s16le"), ("mov", "flac")])
def test_silence_before_a_late_begin_and_after_an_early_end(
    tmp_path: Path, ending: str, codec: str
) -> None:
    codec = "pcm_s16le" if ending == "mov" else codec
    path = write_tone(tmp_path / f"late.{ending}", codec, 16000, 1, begin=0.5, seconds=0.5)
    reader = AudioReader(path)
    sound = reader.read_samples(0, 1.5)
    assert len(sound) == 24000
    assert sound[:6900].abs().max() < 1e-3 and sound[17100:].abs().max() < 0.02
    expected = torch.from_numpy(tone(16000, 1, 0.55, 6400)[0])
    torch.testing.assert_close(sound[8800:15200].double(), expected, atol=0.07, rtol=0)
    assert reader.read_samples(0, 0.4) is None
    assert reader.read_samples(1.2, 1.4) is None
    assert len(reader.read_samples(-1, 0.6)) == 25600
    reader.close()


def test_infinity_is_the_end_of_the_sound(make) -> None:
    reader = AudioReader(make("mov", "pcm_s16le", 48000, 2))
    assert len(reader.read_samples(0.5, float("inf"))) == 48000
    reader.close()


def test_options_give_silence_and_a_flag_where_there_is_no_sound(make, tmp_path: Path) -> None:
    options = AudioOptions(rate=8000, missing="silence")
    mute = AudioReader(write_video(tmp_path / "mute.mp4"))
    clip = options.read(mute, 0.1, 0.6)
    assert clip["has_audio"] is False and torch.equal(clip["audio"], torch.zeros(4000))
    loud = AudioReader(make("mp4", "aac", 44100, 2))
    clip = options.read(loud, 0.1, 0.6)
    assert clip["has_audio"] is True and clip["audio"].shape == (4000,)
    clip = options.read(loud, 3, 3.5)
    assert clip["has_audio"] is False and torch.equal(clip["audio"], torch.zeros(4000))
    clip = AudioOptions(8000, mono=False, missing="silence").read(loud, 3, 3.5)
    assert clip["audio"].shape == (2, 4000)
    assert AudioOptions(8000).read(mute, 0.1, 0.6) == {"audio": None}
    for reader, length in ((mute, 40 / 30), (loud, 1.5)):
        assert len(options.read(reader, 0, float("inf"))["audio"]) == pytest.approx(
            length * 8000, abs=200
        )
        assert len(options.read(reader, 1, 0.5)["audio"]) == 0
    mute.close()
    loud.close()


def test_damaged_sound_is_silence_only_if_that_is_wanted(tmp_path: Path) -> None:
    path = Path(write_tone(tmp_path / "tone.mkv", "flac", 48000, 1))
    with av.open(str(path)) as file:
        spots = [(p.pos, p.size) for p in file.demux(audio=0) if p.size]
    data = bytearray(path.read_bytes())
    for position, size in spots[len(spots) // 2 : len(spots) // 2 + 3]:
        data[position + 16 : position + size] = bytes(size - 16)
    path.write_bytes(data)
    reader = AudioReader(str(path))
    with pytest.raises(av.FFmpegError):
        reader.read_samples(0, 1.5)
    sound = reader.read_samples(0, 1.5, tolerant=True)
    assert len(sound) == 72000
    torch.testing.assert_close(
        sound[:19200].double(), torch.from_numpy(tone(48000, 1, 0, 19200)[0]), atol=1e-3, rtol=0
    )
    reader.close()


def test_a_stream_that_changes_rate_and_channels_goes_on(tmp_path: Path) -> None:
    parts = [
        write_tone(tmp_path / "first.ts", "mp2", 48000, 2, seconds=1),
        write_tone(tmp_path / "second.ts", "mp2", 44100, 1, begin=1, seconds=1),
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(Path(part).read_bytes() for part in parts))
    for mono in (True, False):
        reader = AudioReader(str(both))
        sound = reader.read_samples(0.2, 1.8, 16000, mono=mono)
        assert sound.shape == ((25600,) if mono else (2, 25600))
        late = (sound if mono else sound[1])[17600:22400].numpy()  # 1.3 s to 1.6 s
        strength = np.abs(np.fft.rfft(late * np.hanning(len(late))))
        assert abs(strength.argmax() * 16000 / len(late) - HERTZ[0]) < 8
        reader.close()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"rate": "file"}, "number or 'native'"),
        ({"rate": 0}, "positive"),
        ({"rate": 440.5}, "whole"),
        ({"missing": "zeros", "rate": 8000}, "None or 'silence'"),
        ({"missing": "silence"}, "must be a number"),
        ({"missing": "silence", "rate": "native"}, "must be a number"),
        ({"mono": False}, "needs audio_rate"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AudioOptions(**settings)
