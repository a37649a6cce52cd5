"""Compute convolutions over clips of one frame in two dimensions."""

from typing import Any

import torch
from torch import Tensor, fx

from pytorchvideo_clone.accelerator.passes.graph import add_constant, argument, constant

__all__ = ["one_frame_by_conv2d"]

aten = torch.ops.aten


def one_frame_by_conv2d(graph: fx.GraphModule) -> int:
    """Turn 3D convolutions from one frame to one frame into 2D ones, in place; give how many.

    One tap of the kernel meets the frame. Besides, AOTInductor computes something else for a
    depthwise 3D convolution of one frame that was permuted before (torch 2.14, weights frozen).
    """
    found = 0
    for node in list(graph.graph.nodes):
        if (tap := _tap(graph, node)) is None:
            continue
        stride, padding, dilation = (
            list(argument(node, place, default)[1:])
            for place, default in ((3, [1, 1, 1]), (4, [0, 0, 0]), (5, [1, 1, 1]))
        )
        kernel = add_constant(graph, node, tap), argument(node, 2, None)
        with graph.graph.inserting_before(node):
            image = graph.graph.call_function(aten.squeeze.dim, (node.args[0], 2))
            arguments = (image, *kernel, stride, padding, dilation, argument(node, 6, 1))
            image = graph.graph.call_function(aten.conv2d.default, arguments)
            image.meta = {**node.meta, "val": node.meta["val"].squeeze(2)}
            result = graph.graph.call_function(aten.unsqueeze.default, (image, 2))
        result.meta = dict(node.meta)
        node.replace_all_uses_with(result)
        graph.graph.erase_node(node)
        found += 1
    return found


def _tap(graph: fx.GraphModule, node: fx.Node) -> Tensor | None:
    """The weights (C', C, H, W) that meet the only frame; None if the pass is not for this node."""
    if node.target is not aten.conv3d.default:
        return None
    weight = constant(graph, node.args[1])
    clip: Any = node.args[0]
    if weight is None or clip.meta["val"].shape[2] != 1 or node.meta["val"].shape[2] != 1:
        return None
    padding, dilation = argument(node, 4, [0, 0, 0])[0], argument(node, 5, [1, 1, 1])[0]
    if padding % dilation:
        return None  # no tap meets the frame
    return weight[:, :, padding // dilation].contiguous()
