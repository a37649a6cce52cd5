"""Write a program in operators that XNNPACK takes: transformers in few delegates, none that fails.

XNNPACK's tensors have at most six axes, and its delegates end at each operator that it lacks. First
`to_plain_operators` writes such operators as products, sums and moves, and computes what does not
depend on the clip; then `join_reshapes` makes one reshape of all that only changes a shape.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import Tensor, fx
from torch.fx.passes.infra.pass_base import PassResult

from pytorchvideo_clone.accelerator.export.xnnpack import MAX_AXES, import_executorch

__all__ = ["join_reshapes", "to_plain_operators"]

# A constant of more numbers than it is made of may have so many.
MAX_NUMBERS = 1 << 18
aten, decomposed = torch.ops.aten, torch.ops.quantized_decomposed


def to_plain_operators(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Write composite operators as plain ones, and compute what the inputs do not change.

    A program that has none comes back as it is.

    Args:
        program: of one batch size.
    """
    if not any(node.target in _RULES or _axes(node) > MAX_AXES for node in program.graph.nodes):
        return program
    restored = decomposed.dequantize_per_tensor.default
    for node in program.graph.find_nodes(op="call_function", target=restored):
        if _axes(node) > MAX_AXES:  # it stays in float
            node.replace_all_uses_with(node.args[0].args[0])
    program.graph.eliminate_dead_code()
    with torch.no_grad():
        program = program.run_decompositions(_decompositions(program.graph))
        for node in program.graph.find_nodes(op="call_function", target=aten.clone.default):
            if node.kwargs.get("memory_format") is torch.contiguous_format:
                # The pass below computes no operator with a format among its arguments.
                node.target, node.kwargs = aten.contiguous.default, {}
        return _with_constants(program)


def join_reshapes(graph: fx.GraphModule) -> PassResult:
    """Turn copies, views and added or dropped axes into reshapes, in place, one for each chain.

    Args:
        graph: in ExecuTorch's edge dialect.
    """
    edge = import_executorch("exir.dialects._ops").ops.edge
    view, piece = edge.aten.view_copy.default, edge.aten.slice_copy.Tensor
    reshapes = (
        view,
        edge.aten.alias_copy.default,
        edge.aten.clone.default,
        edge.aten.expand_copy.default,
        edge.aten.squeeze_copy.dims,
        edge.aten.unsqueeze_copy.default,
        edge.dim_order_ops._clone_dim_order.default,
    )
    for node in list(graph.graph.nodes):
        if node.target is edge.aten.select_copy.int:
            source, axis, index = node.args
            index %= source.meta["val"].shape[axis]
            with graph.graph.inserting_before(node):
                source = graph.graph.call_function(piece, (source, axis, index, index + 1))
            source.meta = dict(node.meta)
            source.meta["val"] = piece(*(_value(x) for x in source.args))
        elif node.target in reshapes and _only_reshapes(node):
            source = node.args[0]
        else:
            continue
        # The chain before is a reshape already.
        source = source.args[0] if source.target is view else source
        joined = source
        if _value(source).shape != _value(node).shape:
            with graph.graph.inserting_before(node):
                joined = graph.graph.call_function(view, (source, list(_value(node).shape)))
            joined.meta = dict(node.meta)
        node.replace_all_uses_with(joined)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return PassResult(graph, True)


def _with_constants(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Compute what depends on weights alone, unless the file would grow by it."""
    constants = import_executorch("exir.passes.constant_prop_pass")
    rounding = import_executorch("exir.operator.util")._QUANT_PRIMITIVES
    grow = {node: node.target for node in program.graph.nodes if _grows(node)}
    for node in grow:
        node.target = _grows
    program = constants.constant_prop_pass(program, custom_skip_targets={*rounding, _grows})
    for node, operator in grow.items():
        node.target = operator
    program.graph_module.recompile()
    return program


def _grows(node: fx.Node) -> bool:
    """Whether a node makes many numbers of fewer: a table of positions, a mask."""
    given, read = _count(node), sum(map(_count, node.all_input_nodes))
    return node.op == "call_function" and given > max(MAX_NUMBERS, read)


def _decompositions(graph: fx.Graph) -> dict[Any, Callable]:
    """Operator -> what computes it by plain ones, or gives NotImplemented where it is plain."""
    binary = {op: _in_few_axes(op) for op in (aten.add, aten.div, aten.mul, aten.sub)}
    rules = {
        **_RULES,
        **{op.Tensor: rule for op, rule in binary.items()},
        aten.copy.default: _copy,
        aten.einsum.default: torch.export.default_decompositions()[aten.einsum.default],
        aten.permute.default: _permute,
        aten.slice.Tensor: _slice,
        aten.slice_scatter.default: _slice_scatter,
        aten.split.Tensor: _split,
        aten.split_with_sizes.default: _split_with_sizes,
    }
    attention = aten.scaled_dot_product_attention.default
    if not all(map(_has_no_mask, graph.find_nodes(op="call_function", target=attention))):
        del rules[attention]
    return rules


def _has_no_mask(attention: fx.Node) -> bool:
    options = [value for name, value in attention.kwargs.items() if name != "scale"]
    return not any([*attention.args[3:], *options])


def _layer_norm(
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Means as products with a column: XNNPACK's means over channels take longer."""
    count = math.prod(shape)
    column = torch.full((count, 1), 1 / count, dtype=x.dtype)
    rows = x.reshape(-1, count)
    rows = rows - rows.mm(column)
    rows = rows * ((rows * rows).mm(column) + eps).rsqrt()
    rows = rows if weight is None else rows * weight.reshape(count)
    rows = rows if bias is None else rows + bias.reshape(count)
    return rows.reshape(x.shape)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """No row is empty without a mask: torch looks for such rows, which XNNPACK cannot."""
    assert attn_mask is None and not (is_causal or enable_gqa or dropout_p)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return ((query * scale) @ key.transpose(-2, -1)).softmax(-1) @ value


def _roll(x: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Tensor:
    if not dims:
        return _roll(x.reshape(-1), shifts, [0]).reshape(x.shape)
    for shift, axis in zip(shifts, dims, strict=True):
        begin = -shift % x.shape[axis]
        if begin:
            x = torch.cat([_piece(x, axis, begin), _piece(x, axis, 0, begin)], axis)
    return x


def _new_full(x: Tensor, size: Sequence[int], fill: float, **how: Any) -> Tensor:
    return torch.full(size, fill, dtype=how.get("dtype") or x.dtype)


def _new_zeros(x: Tensor, size: Sequence[int], **how: Any) -> Tensor:
    return _new_full(x, size, 0, **how)


def _copy(x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    return source.to(x.dtype).expand(x.shape).clone()


def _slice(
    x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Take a column from a table of `step` numbers a row: XNNPACK has no slices with a step."""
    size = x.shape[dim]
    times = range(*slice(start, end, step).indices(size))
    rows = len(times)
    # The rows may not pass the end; so the first number that is wanted may be within its row.
    begin = min(times.start, size - rows * step)
    if step == 1 or not rows or begin < 0 or times.start - begin >= step:
        return NotImplemented
    dim %= x.dim()
    table = _piece(x, dim, begin, begin + rows * step)
    table = table.reshape(*x.shape[:dim], rows, step, *x.shape[dim + 1 :])
    return _piece(table, dim + 1, times.start - begin, times.start - begin + 1).squeeze(dim + 1)


def _slice_scatter(
    x: Tensor,
    source: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    if step != 1:
        return NotImplemented
    start, end, _ = slice(start, end).indices(x.shape[dim])
    parts = [_piece(x, dim, 0, start), source, _piece(x, dim, end)]
    return torch.cat([part for part in parts if part.shape[dim]], dim)


def _split(x: Tensor, size: int, dim: int = 0) -> list[Tensor]:
    count = x.shape[dim]
    sizes = [min(size, count - begin) for begin in range(0, count, size)]
    return _split_with_sizes(x, sizes, dim)


def _split_with_sizes(x: Tensor, sizes: Sequence[int], dim: int = 0) -> list[Tensor]:
    ends = itertools.accumulate(sizes)
    return [_piece(x, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _permute(x: Tensor, dims: Sequence[int]) -> Tensor:
    """Move runs of axes that stay side by side; those of size 1 are nowhere."""
    if x.dim() <= MAX_AXES:
        return NotImplemented
    dims = [axis % x.dim() for axis in dims]
    runs: list[list[int]] = []
    for axis in (axis for axis in dims if x.shape[axis] > 1):
        if runs and axis > runs[-1][-1] and math.prod(x.shape[runs[-1][-1] + 1 : axis]) == 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    if len(runs) == x.dim():
        return NotImplemented
    before = sorted(runs)
    joined = x.reshape([math.prod(x.shape[axis] for axis in run) for run in before])
    moved = joined.permute([before.index(run) for run in runs])
    return moved.reshape([x.shape[axis] for axis in dims])


def _in_few_axes(operator: Any) -> Callable:
    """Give an operator of two tensors that joins axes which both have, or which the same lacks."""

    def rule(x: Any, y: Any, **options: Any) -> Tensor:
        count = max(z.dim() if isinstance(z, Tensor) else 0 for z in (x, y))
        if count <= MAX_AXES:
            return NotImplemented
        if not isinstance(y, Tensor):
            return operator(x.reshape(-1), y, **options).reshape(x.shape)
        shape = torch.broadcast_shapes(x.shape, y.shape)
        sizes = [(1,) * (count - z.dim()) + tuple(z.shape) for z in (x, y)]
        joined: list[tuple[int, int]] = []
        lacking = None
        for a, b in zip(*sizes, strict=True):
            if a == b == 1:
                continue
            if joined and lacking == (a == 1, b == 1):
                a, b = a * joined[-1][0], b * joined.pop()[1]
            joined.append((a, b))
            lacking = (a == 1, b == 1)
        if len(joined) == count:
            return NotImplemented
        few = [z.reshape(size) for z, size in zip((x, y), zip(*joined, strict=True), strict=True)]
        return operator(*few, **options).reshape(shape)

    return rule


# What a program must hold for it to be rewritten; the other operators may be plain.
_RULES: dict[Any, Callable] = {
    aten.layer_norm.default: _layer_norm,
    aten.new_full.default: _new_full,
    aten.new_zeros.default: _new_zeros,
    aten.roll.default: _roll,
    aten.scaled_dot_product_attention.default: _attention,
}


def _piece(x: Tensor, axis: int, start: int, end: int | None = None) -> Tensor:
    return x.narrow(axis, start, (x.shape[axis] if end is None else end) - start)


def _only_reshapes(node: fx.Node) -> bool:
    """Whether a node gives the numbers that it reads, in their order."""
    given, read = _value(node), _value(node.args[0])
    orders = [list(value.dim_order()) == list(range(value.dim())) for value in (given, read)]
    return all(orders) and given.numel() == read.numel() and given.dtype == read.dtype


def _value(node: Any) -> Any:
    return node.meta["val"] if isinstance(node, fx.Node) else node


def _count(node: fx.Node) -> int:
    value = node.meta.get("val")
    return value.numel() if isinstance(value, Tensor) else 0


def _axes(node: fx.Node) -> int:
    value = node.meta.get("val")
    return value.dim() if isinstance(value, Tensor) else 0
