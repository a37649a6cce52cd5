"""Boxes and several views into a batch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

__all__ = ["collate_clips"]


def collate_clips(
    samples: Sequence[Any], *, boxes: str = "boxes", per_box: Sequence[str] = ()
) -> dict[str, Any]:
    """Make a batch of samples, for `DataLoader(collate_fn=collate_clips)`.

    Tensors and numbers are stacked as usual; Python lists of different lengths, or of lists that
    differ, stay lists. A sample may be a list of samples, such as several views of a clip, which
    then stand one after the other.

    Args:
        samples: dicts with the same keys, or lists of such.
        boxes: key of the boxes, (K, 4) pixels x1 y1 x2 y2, K differing; in the batch (sum of K, 5)
            float32, with the number of the sample first.
        per_box: keys with one row for each box, (K, ...); in the batch (sum of K, ...).

    Raises:
        ValueError: if samples differ in keys, clips in size, or rows in number from the boxes.

    >>> clip = torch.zeros(3, 2, 4, 4)
    >>> samples = [{"video": clip, "boxes": torch.ones(count, 4)} for count in (2, 1)]
    >>> batch = collate_clips(samples)
    >>> batch["video"].shape, batch["boxes"][:, 0].tolist()
    (torch.Size([2, 3, 2, 4, 4]), [0.0, 0.0, 1.0])
    """
    flat = [one for sample in samples for one in (sample if isinstance(sample, list) else [sample])]
    _check_keys(flat)
    batch: dict[str, Any] = {}
    for key in flat[0]:
        values = [sample[key] for sample in flat]
        if key == boxes:
            batch[key] = _numbered(values)
        elif key in per_box:
            rows = [torch.as_tensor(value) for value in values]
            _check_rows(key, rows, [len(sample[boxes]) for sample in flat])
            batch[key] = torch.cat(rows)
        elif _is_ragged(values):
            batch[key] = values
        else:
            _check_sizes(key, values)
            batch[key] = default_collate(values)
    return batch


def _numbered(boxes: list[Any]) -> Tensor:
    """(K, 4) of each sample -> (sum of K, 5)."""
    rows = [torch.as_tensor(one, dtype=torch.float32).reshape(-1, 4) for one in boxes]
    numbers = torch.repeat_interleave(torch.tensor([len(one) for one in rows]))
    return torch.cat([numbers[:, None].float(), torch.cat(rows)], dim=1)


def _is_ragged(values: Sequence[Any]) -> bool:
    """Whether these are lists of different lengths, at any depth."""
    if not all(isinstance(value, list) for value in values):
        return False
    if len(set(map(len, values))) > 1:
        return True
    return any(_is_ragged(together) for together in zip(*values, strict=True))


def _check_keys(samples: Sequence[Any]) -> None:
    for number, sample in enumerate(samples):
        missing = set(samples[0]).symmetric_difference(sample)
        if missing:
            raise ValueError(
                f"samples 0 and {number} do not both have {sorted(missing)}; give the data set a "
                "transform that keeps what all have, and for videos without sound "
                'open_options={"missing_audio": "silence"}.'
            )


def _check_rows(key: str, rows: list[Tensor], counts: list[int]) -> None:
    for number, (row, count) in enumerate(zip(rows, counts, strict=True)):
        if len(row) != count:
            raise ValueError(f"sample {number} has {count} boxes, but {len(row)} rows of {key!r}.")


def _check_sizes(key: str, values: list[Any]) -> None:
    if not all(isinstance(value, Tensor) for value in values):
        return
    sizes = sorted({tuple(value.shape) for value in values})
    if len(sizes) > 1:
        raise ValueError(
            f"{key!r} has sizes {sizes[0]} and {sizes[1]} in one batch; give the data set a "
            "transform that makes them equal, or batch_size=None."
        )
