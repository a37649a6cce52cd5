"""Sound of every kind of codec, coded by ffmpeg, is heard from a store as ffmpeg decodes it."""

import io
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pytorchvideo_clone.data.packed import sound
from pytorchvideo_clone.data.packed.encode import encode_video
from pytorchvideo_clone.data.packed.format import split_record
from pytorchvideo_clone.data.packed.sound import Sound, steady_frames, take_sound
from tests.data.coded_video import write_video

# Encoder, container, options: NUT holds the first ones, not the others.
CODED = [
    ("aac", "mp4", ""),
    ("libopus", "mkv", "-ar 48000"),
    ("pcm_mulaw", "mov", "-ar 8000 -ac 1"),
    ("pcm_s24le", "mov", ""),
    ("alac", "mov", ""),
    ("tta", "mkv", ""),
    ("truehd", "mkv", "-ar 48000"),
    ("eac3", "mp4", ""),
    ("wmav2", "asf", ""),
    ("g726", "mkv", "-ar 8000 -ac 1"),
    ("pcm_s64le", "mkv", ""),
]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_video(tmp_path_factory.mktemp("sound") / "picture.mp4", 25, rate=25)


def add_sound(picture: str, codec: str, ending: str, options: str, folder: Path) -> Path:
    file = folder / f"{codec}.{ending}"
    tone = "-f lavfi -i sine=frequency=440:duration=1:sample_rate=44100"
    command = f"ffmpeg -nostdin -v error -y -i {picture} {tone} -map 0:v -map 1:a -c:v copy"
    command += f" -c:a {codec} -strict -2 -ac 2 {options} {file}"
    subprocess.run(command.split(), check=True)
    return file


def samples(file: str) -> tuple[np.ndarray, int]:
    """(samples,) of the first channel as ffmpeg's own command decodes them."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", "a:0", "-f", "f32le", "-"],
        capture_output=True,
        check=True,
    )
    with av.open(file) as opened:
        channels = opened.streams.audio[0].codec_context.channels
    return np.frombuffer(done.stdout, np.float32).reshape(-1, channels)[:, 0], channels


@pytest.mark.parametrize(("codec", "ending", "options"), CODED, ids=[row[0] for row in CODED])
def test_any_sound_is_kept(
    codec: str, ending: str, options: str, picture: str, tmp_path: Path
) -> None:
    file = add_sound(picture, codec, ending, options, tmp_path)
    taken = take_sound(str(file))
    assert taken.lost == ""
    assert taken.data[:24] == b"nut/multimedia container"
    kept = tmp_path / "kept.nut"
    kept.write_bytes(taken.data)
    expected, channels = samples(str(file))
    found, same_channels = samples(str(kept))
    assert channels == same_channels
    # A container may drop what primes a codec, and pad the end; a tone tells where it begins.
    begin, place = (int(np.argmax(np.abs(heard) > 0.05)) for heard in (expected, found))
    count = min(
        len(expected) - begin, len(found) - place, 16000 if "ar 8000" not in options else 6000
    )
    assert count >= 6000
    near = min(
        np.abs(
            expected[begin + 2000 : begin + count] - found[place + 2000 + k :][: count - 2000]
        ).max()
        for k in (-2, -1, 0, 1, 2)
    )
    assert near < 1e-3


def test_sound_that_nobody_knows_is_left_out_by_name(picture: str, tmp_path: Path) -> None:
    file = add_sound(picture, "tta", "mkv", "", tmp_path)
    content = file.read_bytes()
    assert content.count(b"A_TTA1") == 1
    file.write_bytes(content.replace(b"A_TTA1", b"A_ZZZ1"))
    assert take_sound(str(file)) == Sound(b"", lost="FFmpeg does not know the codec of its sound")
    coded = encode_video(str(file), "h264", None, 30, audio=True)
    assert coded.lost_sound == "FFmpeg does not know the codec of its sound"
    assert split_record(memoryview(coded.record), coded.crc32, "x").header.audio_bytes == 0


def test_a_video_without_sound_loses_none(picture: str) -> None:
    assert take_sound(picture) == sound.NO_SOUND == Sound(b"", Fraction(0), "")


def test_stamps_only_tell_of_gaps() -> None:
    frames = []
    for pts in (100, 101, 102, 102, 200):  # thousandths, of frames of 40 samples at 48000
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 40), np.float32), "fltp", "mono")
        frame.pts, frame.time_base, frame.sample_rate = pts, Fraction(1, 1000), 48000
        frames.append(frame)
    assert [frame.pts for frame in steady_frames(frames)] == [0, 40, 80, 120, 4800]


def test_an_open_file_is_read_too(picture: str, tmp_path: Path) -> None:
    file = add_sound(picture, "alac", "mov", "", tmp_path)
    assert take_sound(io.BytesIO(file.read_bytes())).data == take_sound(str(file)).data


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "libmp3lame"])
def test_stamps_in_thousandths_make_no_gaps(codec: str, picture: str, tmp_path: Path) -> None:
    file = add_sound(picture, codec, "mkv", "", tmp_path)
    with av.open(io.BytesIO(take_sound(str(file)).data)) as kept:
        frames = list(kept.decode(audio=0))
    places = [round(frame.pts * frame.time_base * 44100) for frame in frames]
    lengths = [frame.samples for frame in frames]
    gaps = np.diff(places) - lengths[:-1]
    assert (gaps[2:] == 0).all() and len(gaps) > 30  # at the begin a decoder cuts what primes it
