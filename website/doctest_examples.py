"""Show the `>>>` lines that end a docstring as an example, not as a quotation."""

import textwrap
from typing import Any

import griffe


class DoctestExamples(griffe.Extension):
    """Put the trailing `>>>` lines of every docstring into an `Examples:` section."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one object, as griffe has read it."""
        if obj.docstring is None:
            return
        text, start, example = obj.docstring.value.partition("\n>>> ")
        if start and "Examples:" not in text:
            section = textwrap.indent(f">>> {example}", "    ")
            obj.docstring.value = f"{text.rstrip()}\n\nExamples:\n{section}"
