import pytest

from pytorchvideo_clone.data.decoders.torchcodec import TorchCodecDecoder


def test_missing_ffmpeg_is_an_import_error_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torchcodec = pytest.importorskip("torchcodec")
    # What TorchCodec says where it finds no FFmpeg.
    monkeypatch.setattr(torchcodec, "ffmpeg_major_version", None, raising=False)
    for use in (TorchCodecDecoder.about, lambda: TorchCodecDecoder("video.mp4")):
        with pytest.raises(ImportError, match="apt-get install ffmpeg"):
            use()
