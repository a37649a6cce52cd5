from functools import cache
from pathlib import Path

import numpy
import pytest
from PIL import Image, ImageDraw, ImageFont

from pytorchvideo_clone.transforms import lettering
from pytorchvideo_clone.transforms.lettering import write_text


def drawn(text: str, width: int = 200) -> numpy.ndarray:
    """Where there is ink."""
    picture = Image.new("L", (width, 80), "white")
    write_text(ImageDraw.Draw(picture), (0, 0), text, width)
    return numpy.asarray(picture) < 128


@pytest.fixture
def without_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has Pillow's own font alone."""
    monkeypatch.setattr(lettering, "FONTS", ())
    monkeypatch.setattr(lettering, "_fonts", cache(lettering._fonts.__wrapped__))
    monkeypatch.setattr(lettering, "_font_of", cache(lettering._font_of.__wrapped__))


def test_different_letters_look_different() -> None:
    for first, second in (("u", "ü"), ("向", "上"), ("\ue000", "\ue001")):
        assert drawn(first).any()
        assert not numpy.array_equal(drawn(first), drawn(second))


def test_latin_letters_need_no_font(without_fonts: None) -> None:
    assert drawn("ü").any()
    assert not numpy.array_equal(drawn("ü"), drawn("u"))
    assert drawn("ü").sum() < drawn("\\xfc").sum()


def test_what_no_font_has_is_written_by_its_number(without_fonts: None) -> None:
    assert numpy.array_equal(drawn("向"), drawn("\\u5411"))
    assert numpy.array_equal(drawn("\udcfc"), drawn("\\udcfc"))  # a name that is not UTF-8


def test_a_font_of_the_machine_is_used(
    without_fonts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    path = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    plain = drawn("ψ")
    fonts = [ImageFont.load_default(), ImageFont.truetype(str(path), 11)]
    monkeypatch.setattr(lettering, "_fonts", lambda: fonts)
    monkeypatch.setattr(lettering, "_font_of", cache(lettering._font_of.__wrapped__))
    assert not numpy.array_equal(drawn("ψ"), plain)


def test_long_texts_stay_within_their_width() -> None:
    ink = drawn("a long label that needs lines", width=60)
    assert ink[:14].any() and ink[14:28].any()
    assert drawn("one\ntwo")[14:28].any()
