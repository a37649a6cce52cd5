"""Passes over the graph of a model; each changes it in place and keeps what it computes."""

from collections.abc import Callable

from torch import fx

from pytorchvideo_clone.accelerator.passes.activation import (
    activate_in_place,
    gate_in_place,
    recover_silu,
)
from pytorchvideo_clone.accelerator.passes.autotune import measure_kernels
from pytorchvideo_clone.accelerator.passes.batch_norm import fold_batch_norm
from pytorchvideo_clone.accelerator.passes.conv3d import choose_conv3d_kernels, to_channels_last
from pytorchvideo_clone.accelerator.passes.dropout import drop_dropout
from pytorchvideo_clone.accelerator.passes.dtype import to_bfloat16
from pytorchvideo_clone.accelerator.passes.gate import fuse_gates
from pytorchvideo_clone.accelerator.passes.onednn import fuse_convolutions, fuse_linears
from pytorchvideo_clone.accelerator.passes.pieces import compute_in_pieces
from pytorchvideo_clone.accelerator.passes.pool import mean_by_sums, pool_by_mean

__all__ = ["PASSES", "Pass"]

Pass = Callable[[fx.GraphModule], int]

# In the order in which they run; each gives the number of its changes.
PASSES: dict[str, Pass] = {
    "drop_dropout": drop_dropout,
    "fold_batch_norm": fold_batch_norm,
    "recover_silu": recover_silu,
    "pool_by_mean": pool_by_mean,
    "to_bfloat16": to_bfloat16,
    "to_channels_last": to_channels_last,
    "mean_by_sums": mean_by_sums,
    "measure_kernels": measure_kernels,
    "fuse_convolutions": fuse_convolutions,
    "fuse_linears": fuse_linears,
    "choose_conv3d_kernels": choose_conv3d_kernels,
    "compute_in_pieces": compute_in_pieces,
    "fuse_gates": fuse_gates,
    "gate_in_place": gate_in_place,
    "activate_in_place": activate_in_place,
}
