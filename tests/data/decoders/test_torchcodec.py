import pytest
import torch

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


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="device is 'cuda:0', but torch finds no GPU here"):
        TorchCodecDecoder("video.mp4", device="cuda:0")
