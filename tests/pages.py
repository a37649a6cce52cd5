"""The pages of the documentation, as the site's own settings make them, and their code."""

import re
import textwrap
from functools import cache
from pathlib import Path

import markdown

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "website/docs").glob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<code>.*?)^ *```$", re.M | re.S)


@cache
def site() -> markdown.Markdown:
    """The converter of `website/mkdocs.yml`."""
    from mkdocs.config import load_config

    config = load_config(str(ROOT / "website/mkdocs.yml"))
    return markdown.Markdown(
        extensions=config.markdown_extensions, extension_configs=config.mdx_configs
    )


def expanded(page: Path) -> str:
    """The text of a page with what it includes."""
    lines = page.read_text(encoding="utf-8").split("\n")
    return "\n".join(site().reset().preprocessors["snippet"].run(lines))


def blocks(page: Path, *languages: str) -> list[str]:
    """The code of a page in some languages, each block with its place in the page's lines."""
    text = expanded(page)
    return [
        "\n" * text[: found.start("code")].count("\n") + textwrap.dedent(found["code"])
        for found in FENCE.finditer(text)
        if found["language"] in languages
    ]
