"""A model as a flat graph of torch's operators, and what every pass needs of it."""

import copy
import inspect
import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

__all__ = [
    "add_constant",
    "argument",
    "capture",
    "constant",
    "finish",
    "is_last_reader",
    "nested_as",
    "only_user",
    "replace",
]


def capture(model: nn.Module, inputs: tuple) -> fx.GraphModule:
    """Export a model into a graph whose weights are plain attributes.

    Args:
        model: in any mode, exported in evaluation; it stays as it is.
        inputs: its arguments: tensors, or lists of them. The first size of each may vary later
            where the model allows it, if it is above 1 here.

    >>> graph = capture(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), (torch.randn(2, 3),))
    >>> graph(torch.randn(5, 3)).shape
    torch.Size([5, 2])
    """
    # Here, as that module imports kernels, which import this one.
    from pytorchvideo_clone.accelerator.train_cpu import restore_model

    shapes = nested_as(model, tuple(_first_size_varies(x) for x in inputs))
    with torch.no_grad():
        program = torch.export.export(
            restore_model(copy.deepcopy(model)).eval(), inputs, dynamic_shapes=shapes, strict=False
        )
    module = program.module(check_guards=False)
    assert isinstance(module, fx.GraphModule)
    return module


def finish(graph: fx.GraphModule) -> fx.GraphModule:
    """Remove what nothing uses any more, operators and weights."""
    graph.graph.eliminate_dead_code()
    graph.graph.lint()
    # The tracer of torch.export cannot be made again when the module is unpickled; fx's own can.
    graph.graph._tracer_cls = None
    finished = fx.GraphModule(graph, graph.graph)  # takes over what the graph names alone
    for parameter in finished.parameters():
        parameter.requires_grad_(False)
    return finished


def constant(graph: fx.GraphModule, node: Any) -> Tensor | None:
    """Give the weight that a node reads; None if the node is none."""
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    assert isinstance(node.target, str)
    value = operator.attrgetter(node.target)(graph)
    return value.detach() if isinstance(value, Tensor) else None


def add_constant(graph: fx.GraphModule, before: fx.Node, value: Tensor) -> fx.Node:
    """Add a weight, and a node that reads it."""
    names = (f"constant_{i}" for i in range(len(graph.graph.nodes) + len(graph._buffers) + 1))
    name = next(name for name in names if not hasattr(graph, name))
    graph.register_buffer(name, value)
    with graph.graph.inserting_before(before):
        node = graph.graph.get_attr(name)
    node.meta["val"] = value
    return node


def argument(node: fx.Node, index: int, default: Any) -> Any:
    """Give an operator's positional argument, or its default."""
    return node.args[index] if len(node.args) > index else default


def only_user(node: fx.Node) -> fx.Node | None:
    """Give the node that alone reads this one."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def replace(
    graph: fx.GraphModule,
    nodes: tuple[fx.Node, fx.Node],
    kernel: str,
    module: nn.Module,
    inputs: tuple[Any, ...],
) -> None:
    """Let a module compute a layer and what follows it.

    Args:
        graph: changed in place.
        nodes: the layer's, and the last one that the module computes.
        kernel: how it does; with a number, this is the name of the module.
        module: takes the inputs.
        inputs: nodes.
    """
    layer, last = nodes
    numbers = range(len(graph.graph.nodes) + 1)
    name = next(f"{kernel}_{i}" for i in numbers if not hasattr(graph, f"{kernel}_{i}"))
    graph.add_submodule(name, module)
    with graph.graph.inserting_before(last):
        call = graph.graph.call_module(name, inputs)
    call.meta = {**last.meta, "nn_module_stack": layer.meta.get("nn_module_stack")}
    last.replace_all_uses_with(call)
    graph.graph.erase_node(last)


def is_last_reader(graph: fx.GraphModule, reader: fx.Node, node: fx.Node) -> bool:
    """Say whether a node may be overwritten by one of those that read it.

    So it is if the node is the result of a layer, which has its own memory, and all others that
    read it are earlier layers and means, whose results are no views of it.
    """
    if node.op != "call_module":
        return False
    earlier = set(node.users) - {reader}
    if any(u.op != "call_module" and u.target is not torch.ops.aten.mean.dim for u in earlier):
        return False
    return all(user < reader for user in earlier)


def nested_as(model: nn.Module, shapes: tuple) -> tuple:
    """Give what is said of each argument as `torch.export` wants it: those of `*args` together.

    >>> nested_as(nn.Linear(1, 1), ("x",))
    ('x',)
    """
    parameters = inspect.signature(model.forward).parameters.values()
    if not any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return shapes
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    count = sum(parameter.kind in kinds for parameter in parameters)
    return (*shapes[:count], shapes[count:])


def _first_size_varies(x: Any) -> Any:
    if isinstance(x, Tensor):
        # Told of a size of 1, torch.export warns that it is to be 1.
        return {0: torch.export.Dim.AUTO} if x.dim() and len(x) > 1 else None
    if isinstance(x, list | tuple):
        return type(x)(_first_size_varies(part) for part in x)
    return None
