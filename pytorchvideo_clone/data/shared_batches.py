"""Batches in memory that a loader's worker and the process that trains share, and use again."""

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from pytorchvideo_clone.data.collate import collate_clips

__all__ = ["SharedCollate"]

_LARGE = 2**16  # bytes; what is smaller travels faster through the pipe than as shared memory
_MOST_BUFFERS = 8  # of a worker
_NUMPYS = {torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64}
_HEAD = 64  # bytes before the pixels; the first says whether the buffer is lent


class SharedCollate:
    """Make a batch of samples, for `DataLoader(collate_fn=SharedCollate())`.

    As `collate_clips`, and faster in worker processes: large tensors are written into shared memory
    that the worker has used before, so that the system need not find, clear and map new pages for
    every batch. A buffer is written again only when nothing refers to the batch in it any more, not
    even a view of a part; while a batch is kept, others are written elsewhere.

    Tensors keep the order of their dimensions in memory: clips whose channels lie side by side make
    a batch whose channels do.

    Samples that are no dicts are collated as `DataLoader` does it.

    >>> clip = torch.zeros(3, 2, 4, 4, dtype=torch.uint8)
    >>> batch = SharedCollate()([{"video": clip, "label": label} for label in (1, 2)])
    >>> batch["video"].shape, batch["label"]
    (torch.Size([2, 3, 2, 4, 4]), tensor([1, 2]))
    """

    def __init__(self) -> None:
        self._buffers: list[Tensor] = []

    def __call__(self, samples: Sequence[Any]) -> Any:
        """Map samples to a batch; in a worker, to what becomes one on its way out."""
        flat = [
            one for sample in samples for one in (sample if isinstance(sample, list) else [sample])
        ]
        if not all(isinstance(sample, dict) for sample in flat):
            return default_collate(list(samples))
        in_worker = get_worker_info() is not None
        large = {key for key in flat[0] if _is_large([sample.get(key) for sample in flat])}
        rest = [{key: sample[key] for key in sample if key not in large} for sample in flat]
        small = collate_clips(rest)
        batch: dict[str, Any] = {}
        for key in [*flat[0], *(key for key in small if key not in flat[0])]:
            if key in large:
                batch[key] = self._stack([sample[key] for sample in flat], in_worker)
            else:
                batch[key] = (
                    _Sent(small[key]) if _may_be_sent(small[key], in_worker) else small[key]
                )
        return batch

    def _stack(self, values: list[Tensor], in_worker: bool) -> Any:
        first = values[0]
        # Written in the order in which it lies, a clip is copied by rows, not by bytes.
        order = sorted(range(first.dim()), key=first.stride, reverse=True)
        back = [0, *(1 + order.index(dim) for dim in range(first.dim()))]
        shape = (len(values), *(first.shape[dim] for dim in order))
        size = len(values) * first.nbytes
        buffer = self._borrow(size) if in_worker else None
        if buffer is None:
            out = torch.empty(shape, dtype=first.dtype)
        else:
            out = buffer[_HEAD : _HEAD + size].view(first.dtype).view(shape)
        torch.stack([value.permute(order) for value in values], out=out)
        return out.permute(back) if buffer is None else _Lent(buffer, first.dtype, shape, back)

    def _borrow(self, size: int) -> Tensor | None:
        """A buffer that nobody reads; None if there are enough of them already."""
        free = [n for n, buffer in enumerate(self._buffers) if not buffer[0]]
        fitting = [n for n in free if len(self._buffers[n]) >= _HEAD + size]
        if fitting:
            buffer = self._buffers[fitting[0]]
        elif not free and len(self._buffers) >= _MOST_BUFFERS:
            return None
        else:
            for number in free[:1]:
                del self._buffers[number]
            buffer = torch.empty(_HEAD + size, dtype=torch.uint8).share_memory_()
            self._buffers.append(buffer)
        buffer[0] = 1
        return buffer

    def __getstate__(self) -> dict[str, Any]:
        return {"_buffers": []}


class _Lent:
    """Part of a buffer; unpickled, the tensor in it, which gives the buffer back when it dies."""

    def __init__(
        self, buffer: Tensor, dtype: torch.dtype, shape: tuple[int, ...], back: list[int]
    ) -> None:
        self.buffer, self.dtype, self.shape, self.back = buffer, dtype, shape, back

    def __reduce__(self) -> tuple[Any, ...]:
        return _receive, (self.buffer, self.dtype, self.shape, self.back)


class _Sent:
    """A small tensor; unpickled, the tensor, whose bytes came through the pipe."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __reduce__(self) -> tuple[Any, ...]:
        return torch.from_numpy, (self.tensor.numpy(),)


def _receive(buffer: Tensor, dtype: torch.dtype, shape: tuple[int, ...], back: list[int]) -> Tensor:
    pixels = buffer.numpy()[_HEAD:]
    # The storage of a tensor of an array refers to the array, whatever views are made of it.
    tensor = torch.from_numpy(pixels)
    release = weakref.finalize(pixels, buffer.__setitem__, 0, 0)
    release.atexit = False
    count = dtype.itemsize
    for length in shape:
        count *= length
    return tensor[:count].view(dtype).view(shape).permute(back)


def _is_large(values: list[Any]) -> bool:
    first = values[0]
    return (
        isinstance(first, Tensor)
        and len(values) * first.nbytes >= _LARGE
        and first.layout == torch.strided
        and not first.requires_grad
        and first.device.type == "cpu"
        and all(
            isinstance(value, Tensor) and value.shape == first.shape and value.dtype == first.dtype
            for value in values
        )
    )


def _may_be_sent(value: Any, in_worker: bool) -> bool:
    return (
        in_worker
        and type(value) is Tensor
        and value.nbytes < _LARGE
        and value.layout == torch.strided
        and not value.requires_grad
        and value.device.type == "cpu"
        and value.dtype in _NUMPYS
    )
