"""Write any text on a picture, with the letters that this machine has."""

import unicodedata
from functools import cache
from typing import Any

__all__ = ["write_text"]

# Looked for in this order, by their file names, where systems keep fonts. Pillow's own is small.
FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "Arial Unicode.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
    "simsun.ttc",
    "malgun.ttf",
)
SIZE = 11
_LINE = 14  # pixels from one line to the next
# No font has a letter here: what is drawn for it stands for every letter that is missing.
_NOWHERE = "\U0010ffff"


def write_text(pen: Any, corner: tuple[int, int], text: str, width: int) -> None:
    r"""Write black text, folded to a width; a letter that no font has is written as `\u5411`.

    Args:
        pen: of `PIL.ImageDraw.Draw`.
        corner: left and upper end of the text, in pixels.
        text: lines are kept.
        width: in pixels.

    >>> from PIL import Image, ImageDraw
    >>> picture = Image.new("L", (60, 20), "white")
    >>> write_text(ImageDraw.Draw(picture), (2, 2), "grün", 56)
    >>> picture.getextrema()[0] < 100
    True
    """
    left, top = corner
    for line in unicodedata.normalize("NFC", text).splitlines():
        x: float = left
        for letter in line:
            font = _font_of(letter)
            shown = letter if font else letter.encode("unicode_escape").decode("ascii")
            font = font or _fonts()[0]
            advance = font.getlength(shown)
            if x > left and x + advance > left + width:
                x, top = left, top + _LINE
            pen.text((x, top), shown, fill="black", font=font)
            x += advance
        top += _LINE


@cache
def _fonts() -> list[Any]:
    from PIL import ImageFont

    found = []
    for name in FONTS:
        try:
            found.append(ImageFont.truetype(name, SIZE))
        except (OSError, ImportError):  # not here, or Pillow was built without FreeType
            continue
    # The second has the Latin letters that the first lacks.
    return [*found, ImageFont.load_default(), ImageFont.load_default_imagefont()]


@cache
def _font_of(letter: str) -> Any:
    """The first font that has a letter, or None."""
    return next((font for font in _fonts() if _has(font, letter)), None)


def _has(font: Any, letter: str) -> bool:
    if letter.isspace():
        return True
    if unicodedata.category(letter).startswith("M"):  # drawn alone, a mark says nothing
        return False
    try:
        drawn, missing = (font.getmask(text) for text in (letter, _NOWHERE))
    except UnicodeError:  # a font of Latin letters alone
        return ord(letter) < 256
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))
