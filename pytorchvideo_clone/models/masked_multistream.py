"""Parts for streams of features of varying length: every part knows which steps are there.

A stream is a tensor x of (B, T, D) with a mask of (B, T), bool, True where a step is valid; without
a mask all steps are. Neither is ever written into.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.utils import set_attributes as set_attributes

__all__ = [
    "LSTM",
    "LearnMaskedDefault",
    "MaskedMultiPathWay",
    "MaskedSequential",
    "MaskedTemporalPooling",
    "TransposeMultiheadAttention",
    "TransposeTransformerEncoder",
]


class MaskedTemporalPooling(nn.Module):
    """Pool the valid steps of each stream; a stream without any gives zeros.

    Args:
        method: "max", "avg" or "sum".

    Raises:
        ValueError: for another method.

    >>> x = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> MaskedTemporalPooling("avg")(x, torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """

    takes_mask = True

    def __init__(self, method: str) -> None:
        super().__init__()
        if method not in ("max", "avg", "sum"):
            raise ValueError(f"method is {method!r}; expected 'max', 'avg' or 'sum'.")
        self._method = method

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D) and (B, T) -> (B, D)."""
        mask = _mask_of(x, mask)
        if self._method == "max":
            # Zeros for empty streams: the largest of no steps would be -inf.
            largest = x.masked_fill(~mask.unsqueeze(-1), -float("inf")).amax(dim=1)
            return largest.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
        total = x.masked_fill(~mask.unsqueeze(-1), 0.0).sum(dim=1)
        if self._method == "sum":
            return total
        return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


class TransposeMultiheadAttention(nn.Module):
    """Attend from every step to the valid ones; the first step always counts as valid.

    Args:
        feature_dim: width D.
        num_heads: divides D.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017,
    https://arxiv.org/abs/1706.03762.

    >>> attention = TransposeMultiheadAttention(6, num_heads=2)
    >>> attention(torch.ones(1, 3, 6), torch.tensor([[True, True, False]])).shape
    torch.Size([1, 3, 6])
    >>> attention.attention_weights.shape
    torch.Size([1, 3, 3])
    """

    takes_mask = True
    makes_first_step_valid = True

    def __init__(self, feature_dim: int, num_heads: int = 1) -> None:
        super().__init__()
        self._attention = nn.MultiheadAttention(feature_dim, num_heads, batch_first=True)
        self._attention_weights: Tensor | None = None

    @property
    def attention_weights(self) -> Tensor | None:
        """(B, T, T), mean over the heads of the last call; None before the first."""
        return self._attention_weights

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D) and (B, T) -> (B, T, D)."""
        left_out = ~_with_first_step(_mask_of(x, mask))
        attended, weights = self._attention(x, x, x, key_padding_mask=left_out)
        if not torch.compiler.is_exporting():  # an exported graph keeps nothing between calls
            self._attention_weights = weights.detach()
        return attended


class LearnMaskedDefault(nn.Module):
    """Replace the features of streams without any valid step by a learned vector.

    Args:
        feature_dim: width D.
        init_method: how the vector starts: "gaussian" (standard normal) or "zeros".
        freeze: leave the vector as it starts.

    Raises:
        ValueError: for another `init_method`.

    >>> default = LearnMaskedDefault(2, init_method="zeros")
    >>> default(torch.ones(2, 2), torch.tensor([[True, False], [False, False]])).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """

    takes_mask = True

    def __init__(
        self,
        feature_dim: int,
        init_method: Literal["gaussian", "zeros"] = "gaussian",
        freeze: bool = False,
    ) -> None:
        super().__init__()
        if init_method not in ("gaussian", "zeros"):
            raise ValueError(f"init_method is {init_method!r}; expected 'gaussian' or 'zeros'.")
        draw = torch.randn if init_method == "gaussian" else torch.zeros
        self._learned_defaults = nn.Parameter(draw(feature_dim), requires_grad=not freeze)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, D) and (B, T) -> (B, D)."""
        return torch.where(mask.any(dim=1, keepdim=True), x, self._learned_defaults)


class LSTM(nn.Module):
    """Run an LSTM over the valid steps of each stream and give its last hidden state.

    A stream without any valid step is read as its first step alone.

    Args:
        dim_in: width D.
        hidden_dim: width of the hidden state.
        dropout: probability of zeroing an element of the result, in training.
        bidirectional: read both ways and concatenate the two last states.

    Attributes:
        output_dim: width of the result.

    >>> lstm = LSTM(6, 5, bidirectional=True)
    >>> lstm(torch.ones(2, 3, 6)).shape, lstm.output_dim
    (torch.Size([2, 10]), 10)
    """

    takes_mask = True

    def __init__(
        self, dim_in: int, hidden_dim: int, dropout: float = 0.0, bidirectional: bool = False
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim_in, hidden_dim, batch_first=True, bidirectional=bidirectional)
        # nn.LSTM drops only between layers, of which there is one here.
        self.dropout = nn.Dropout(dropout)
        self.bidirectional = bidirectional
        self.output_dim = 2 * hidden_dim if bidirectional else hidden_dim

    def forward(self, data: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D) and (B, T) -> (B, output_dim)."""
        mask = _mask_of(data, mask)
        # Valid steps first, in their order: a packed sequence is a prefix.
        order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        steps = data.gather(1, order.unsqueeze(-1).expand_as(data))
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            steps, lengths, batch_first=True, enforce_sorted=False
        )
        hidden = self.lstm(packed)[1][0]  # (directions, B, hidden_dim)
        return self.dropout(hidden.transpose(0, 1).flatten(1))


class TransposeTransformerEncoder(nn.Module):
    """Run a transformer encoder over the valid steps and give its first output step.

    The first step always counts as valid.

    Args:
        dim_in: width D.
        num_heads: divides D.
        num_layers: number of encoder layers.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017,
    https://arxiv.org/abs/1706.03762.

    >>> TransposeTransformerEncoder(4)(torch.ones(2, 3, 4)).shape
    torch.Size([2, 4])
    """

    takes_mask = True
    makes_first_step_valid = True

    def __init__(self, dim_in: int, num_heads: int = 1, num_layers: int = 1) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(dim_in, num_heads, batch_first=True)
        # Nested tensors would shorten the output by the steps that no stream has.
        self.encoder = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)

    def forward(self, data: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D) and (B, T) -> (B, D)."""
        left_out = ~_with_first_step(_mask_of(data, mask))
        return self.encoder(data, src_key_padding_mask=left_out)[:, 0]


class MaskedSequential(nn.Sequential):
    """Run modules in order, giving the mask to those that take one.

    A module takes one if it has an attribute `takes_mask` that is true, as all of this file have.
    After attention the first step counts as valid, also in a stream that had no valid step: it then
    holds what attention gave.

    >>> stream = MaskedSequential(nn.Linear(4, 6), MaskedTemporalPooling("max"), nn.Linear(6, 2))
    >>> stream(torch.ones(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)).shape
    torch.Size([2, 2])
    """

    takes_mask = True

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D) and (B, T) -> what the last module gives."""
        for module in self:
            input = _apply(module, input, mask)
            if mask is not None and getattr(module, "makes_first_step_valid", False):
                mask = _with_first_step(mask)
        return input


class MaskedMultiPathWay(nn.Module):
    """Apply one block to each masked stream, then fuse the streams.

    Args:
        multipathway_blocks: one block a stream; None passes the stream on.
        multipathway_fusion: takes the list of what the blocks give, or None to give that list.

    >>> streams = MaskedMultiPathWay(
    ...     multipathway_blocks=nn.ModuleList([MaskedTemporalPooling(m) for m in ("avg", "max")]),
    ...     multipathway_fusion=None,
    ... )
    >>> mask = torch.ones(2, 3, dtype=torch.bool)
    >>> [x.shape for x in streams([(torch.ones(2, 3, 4), mask), (torch.ones(2, 3, 5), mask)])]
    [torch.Size([2, 4]), torch.Size([2, 5])]
    """

    def __init__(
        self, *, multipathway_blocks: nn.ModuleList, multipathway_fusion: nn.Module | None
    ) -> None:
        super().__init__()
        self.multipathway_blocks = multipathway_blocks
        self.multipathway_fusion = multipathway_fusion

    def forward(self, x_and_mask: Sequence[tuple[Tensor, Tensor | None]]) -> Any:
        """List of (x, mask) -> what the fusion gives, or the list of the blocks' outputs.

        Raises:
            ValueError: if there are not as many streams as blocks.
        """
        if len(x_and_mask) != len(self.multipathway_blocks):
            raise ValueError(
                f"the input has {len(x_and_mask)} streams; "
                f"expected {len(self.multipathway_blocks)}, one a block."
            )
        outputs = [
            x if block is None else _apply(block, x, mask)
            for block, (x, mask) in zip(self.multipathway_blocks, x_and_mask, strict=True)
        ]
        return outputs if self.multipathway_fusion is None else self.multipathway_fusion(outputs)


def _apply(module: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    return module(x, mask) if getattr(module, "takes_mask", False) else module(x)


def _mask_of(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mask, checked; all True where there is none."""
    if x.dim() != 3:
        raise ValueError(f"the stream has shape {list(x.shape)}; expected (B, T, D).")
    if mask is None:
        return x.new_ones(x.shape[:2], dtype=torch.bool)
    if mask.shape != x.shape[:2] or mask.dtype != torch.bool:
        raise ValueError(
            f"the mask is {mask.dtype} of {list(mask.shape)}; "
            f"expected torch.bool of {list(x.shape[:2])}."
        )
    return mask


def _with_first_step(mask: Tensor) -> Tensor:
    """A mask in which the first step is valid: attention over no step at all would be NaN."""
    first = torch.arange(mask.shape[1], device=mask.device) == 0
    return mask | first
