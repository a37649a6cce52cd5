"""Choose the kernel of each 3D convolution by measuring."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.activation import IN_PLACE, activate_in_place
from pytorchvideo_clone.accelerator.passes.conv3d import (
    KERNELS,
    Geometry,
    Linear,
    cheapest,
    choose_conv3d_kernels,
    geometry_of,
)
from pytorchvideo_clone.accelerator.passes.graph import argument, constant, only_user
from pytorchvideo_clone.accelerator.passes.onednn import (
    FUSED_KERNELS,
    cheapest_fused,
    fuse_convolutions,
    has_onednn,
)

__all__ = ["measure_kernels"]

aten = torch.ops.aten
# Rounds in which all candidates run in turns, and the shortest time that one runs in a round.
ROUNDS, SECONDS = 3, 0.002
# What takes so many times longer than the fastest in the first round is out.
HOPELESS = 2.0
# A kernel must take less than this part of the time that the rule's choice takes.
GAIN = 0.95


def measure_kernels(graph: fx.GraphModule, fused: bool = True) -> int:
    """Note at each 3D convolution the kernel that is the fastest here, with what follows it.

    Args:
        graph: in channels-last, and in the number format in which it is to run.
        fused: whether those of `FUSED_KERNELS` may be chosen.

    Returns:
        How many different convolutions were measured; those of one position keep their kernel.
    """
    fastest: dict[tuple[Any, ...], str] = {}
    for node in graph.graph.nodes:
        geometry = geometry_of(graph, node)
        if geometry is None or Linear.fits(geometry):
            continue
        weight, bias = constant(graph, node.args[1]), constant(graph, argument(node, 2, None))
        assert weight is not None
        followers = _followers(node)
        targets = tuple(follower.target for follower in followers)
        case = (geometry, weight.shape, weight.dtype, bias is None, *targets)
        if case not in fastest:
            kinds = _kinds(geometry, weight.dtype, fused)
            rule = cheapest_fused(geometry, aten.add.Tensor in targets)
            rule = rule if rule in kinds else cheapest(geometry)
            calls = {kind: _call(node, followers, kind, weight, bias) for kind in kinds}
            fastest[case] = _fastest(calls, rule)
        node.meta["kernel"] = fastest[case]
    return len(fastest)


def _kinds(geometry: Geometry, dtype: torch.dtype, fused: bool) -> list[str]:
    """Name the kernels that compute a convolution."""
    few = geometry._replace(clip=(2, *geometry.clip[1:]))  # rows are for long clips too
    kinds = [kind for kind, kernel in KERNELS.items() if kernel.fits(few)]
    if not fused or not has_onednn(dtype):
        return kinds
    return [*kinds, *(kind for kind, fits in FUSED_KERNELS.items() if fits(geometry))]


def _followers(node: fx.Node) -> list[fx.Node]:
    """Give the sum and the activation after a node, those that there are."""
    found: list[fx.Node] = []
    user = only_user(node)
    if user is not None and user.target is aten.add.Tensor and not user.kwargs:
        shapes = [getattr(x.meta.get("val"), "shape", None) for x in user.all_input_nodes]
        if shapes == [node.meta["val"].shape] * 2:
            found.append(user)
            user = only_user(user)
    if user is not None and user.target in IN_PLACE:
        found.append(user)
    return found


def _call(
    node: fx.Node, followers: list[fx.Node], kind: str, weight: Tensor, bias: Tensor | None
) -> Callable[[], Any]:
    """Compute one clip by a kernel, in the graph that the passes make of it."""
    root, graph = nn.Module(), fx.Graph()
    root.register_buffer("weight", weight)
    root.register_buffer("bias", bias)
    clip, target = node.args[0], node.target
    assert isinstance(clip, fx.Node) and isinstance(target, torch._ops.OpOverload)
    x, other = graph.placeholder("x"), graph.placeholder("other")
    parameters = (graph.get_attr("weight"), None if bias is None else graph.get_attr("bias"))
    last = graph.call_function(target, (x, *parameters, *node.args[3:]))
    x.meta, last.meta = dict(clip.meta), {**node.meta, "kernel": kind}
    other.meta = dict(node.meta)
    for follower in followers:
        inputs = (last, other) if follower.target is aten.add.Tensor else (last,)
        assert isinstance(follower.target, torch._ops.OpOverload)
        last = graph.call_function(follower.target, inputs)
        last.meta = dict(follower.meta)
    graph.output(last)
    module = fx.GraphModule(root, graph)
    for change in (fuse_convolutions, choose_conv3d_kernels, activate_in_place):
        change(module)
    module.recompile()
    clips = [_clip(clip, weight.dtype), _clip(node, weight.dtype)]
    return lambda: module(*clips)


def _clip(node: fx.Node, dtype: torch.dtype) -> Tensor:
    size = [int(length) for length in node.meta["val"].shape[1:]]
    generator = torch.Generator().manual_seed(0)
    clip = torch.randn(1, *size, generator=generator).to(dtype)
    return clip.contiguous(memory_format=torch.channels_last_3d)


def _fastest(calls: dict[str, Callable[[], Any]], rule: str) -> str:
    for call in calls.values():
        call()
    seconds = {kind: [_seconds(call)] for kind, call in calls.items()}
    limit = HOPELESS * min(first for (first,) in seconds.values())
    seconds = {kind: times for kind, times in seconds.items() if times[0] <= limit or kind == rule}
    for _ in range(ROUNDS):
        for kind, times in seconds.items():
            times.append(_seconds(calls[kind]))
    # In each round against the rule's choice, as the machine may change its pace between rounds.
    parts = {
        kind: statistics.median(a / b for a, b in zip(times, seconds[rule], strict=True))
        for kind, times in seconds.items()
    }
    best = min(parts, key=lambda kind: parts[kind])
    return best if parts[best] < GAIN else rule


def _seconds(call: Callable[[], Any]) -> float:
    # CPU time is what other work on the machine disturbs less, but it adds up threads.
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    begin, count = clock(), 0
    while clock() - begin < SECONDS or not count:
        call()
        count += 1
    return (clock() - begin) / count
