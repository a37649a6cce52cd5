"""Write batch norms into the convolutions before them."""

import torch
from torch import Tensor, fx

from pytorchvideo_clone.accelerator.passes.graph import (
    add_constant,
    argument,
    constant,
    only_user,
)

__all__ = ["fold_batch_norm"]

aten = torch.ops.aten
CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)


def fold_batch_norm(graph: fx.GraphModule) -> int:
    """Fold the batch norms whose input is a convolution that they alone read, in place.

    Returns:
        How many were folded; others stay.
    """
    norms = [node for node in graph.graph.nodes if node.target is aten.batch_norm.default]
    return sum(_fold(graph, norm) for norm in norms)


def _fold(graph: fx.GraphModule, norm: fx.Node) -> bool:
    conv, training = norm.args[0], norm.args[5]
    assert isinstance(conv, fx.Node)
    if conv.target not in CONVOLUTIONS or only_user(conv) is not norm or training:
        return False
    weight, bias = constant(graph, conv.args[1]), constant(graph, argument(conv, 2, None))
    gamma, beta, mean, variance = (constant(graph, node) for node in norm.args[1:5])
    if weight is None or mean is None or variance is None:
        return False
    eps = norm.args[7]
    assert isinstance(eps, float)
    # In double, so that the fold itself costs no digit.
    scale = torch.rsqrt(variance.double() + eps)
    if gamma is not None:
        scale = scale * gamma.double()
    shift = -mean.double() if bias is None else bias.double() - mean.double()
    shift = shift * scale
    if beta is not None:
        shift = shift + beta.double()
    folded = weight.double() * scale.reshape(-1, *(1,) * (weight.dim() - 1))

    def add(value: Tensor) -> fx.Node:
        return add_constant(graph, conv, value.to(weight.dtype))

    conv.args = (conv.args[0], add(folded), add(shift), *conv.args[3:])
    norm.replace_all_uses_with(conv)
    graph.graph.erase_node(norm)
    return True
