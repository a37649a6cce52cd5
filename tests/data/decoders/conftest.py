import pytest

from pytorchvideo_clone.data.decoders import DECODERS, decoder_report


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> str:
    """Each decoder that loads here."""
    status = next(status for status in decoder_report() if status.name == request.param)
    if not status.loads:
        pytest.skip(status.about)
    return request.param
