"""Long lists of strings that worker processes share."""

import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import torch

__all__ = ["FlatStrings"]

_CHUNK = 1 << 16


class FlatStrings(Sequence[str]):
    """A list of strings in two tensors, of all bytes and of where each string ends.

    A list of Python strings grows in every forked worker: merely looking at an object writes its
    reference count, and so copies its page of memory. Tensors are shared by forked workers, and
    handed to spawned ones without a copy.

    Args:
        strings: what to hold; taken one after the other, so that a generator needs no list.

    >>> strings = FlatStrings(["a.mp4", "ä.mp4"])
    >>> strings[-1], len(strings)
    ('ä.mp4', 2)
    """

    def __init__(self, strings: Iterable[str] = ()) -> None:
        content, ends = bytearray(), array("q")
        rest = iter(strings)
        while chunk := list(itertools.islice(rest, _CHUNK)):
            pieces: list[str] | list[bytes] = chunk
            whole = "".join(chunk)
            if not whole.isascii():
                # As Python reads names of files that are no UTF-8.
                pieces = [string.encode("utf-8", "surrogateescape") for string in chunk]
            ends.extend(itertools.accumulate(map(len, pieces), initial=len(content)))
            content += whole.encode("utf-8", "surrogateescape")
            ends.pop(-len(chunk) - 1)
        # One byte more, as a tensor cannot be made of an empty buffer.
        content.append(0)
        self._content = torch.frombuffer(content, dtype=torch.uint8)
        ends.insert(0, 0)
        self._ends = torch.frombuffer(ends, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range: there are {len(self)} strings.")
        ends, index = self._ends.numpy(), index % len(self)
        start, end = ends[index], ends[index + 1]
        return self._content.numpy()[start:end].tobytes().decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def buffers(self) -> list[memoryview]:
        """Give the memory that tells this list from another, to hash or to write."""
        return [self._ends.numpy().data, self._content.numpy().data]
