"""Which operators of a program XNNPACK gets, and in how few parts."""

import operator
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from torch import Tensor, fx
from torch.fx.passes.infra.partitioner import Partition

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.accelerator.export.noise import quiet_import

__all__ = ["MAX_AXES", "import_executorch", "make_partitioner", "make_parts"]

# XNNPACK's runtime refuses a whole delegate if a tensor in it has more.
MAX_AXES = 6


def make_partitioner() -> Any:
    """Give XNNPACK's partitioner, made to take sigmoids in int8 and to leave few parts.

    Its own search compares all pairs of operators, takes minutes for networks in int8, and leaves
    more parts than there must be.

    Raises:
        ImportError: if executorch is missing.
    """
    xnnpack = import_executorch("backends.xnnpack.partition.xnnpack_partitioner")
    configs = import_executorch("backends.xnnpack.partition.config").ALL_PARTITIONER_CONFIGS
    generic = import_executorch("backends.xnnpack.partition.config.generic_node_configs")
    precision = import_executorch("backends.xnnpack.partition.config.xnnpack_config")
    kinds = precision.ConfigPrecisionType

    class Sigmoid(generic.SigmoidConfig):  # type: ignore[name-defined, misc]
        def supported_precision_types(self) -> list[Any]:
            return [kinds.FP32, kinds.STATIC_QUANT]

    class FewParts(xnnpack.XnnpackPartitioner):  # type: ignore[name-defined, misc]
        def generate_partitions(self, exported_program: Any) -> list[Partition]:
            groups = filter(_fits, self.get_matched_nodes_from_configs(exported_program))
            parts = make_parts(exported_program.graph_module.graph, groups)
            return [Partition(id=i, nodes=part) for i, part in enumerate(parts)]

    return FewParts(
        configs=[Sigmoid if config is generic.SigmoidConfig else config for config in configs]
    )


def make_parts(graph: fx.Graph, groups: Iterable[Iterable[fx.Node]]) -> list[list[fx.Node]]:
    """Join groups of nodes into few parts, each of which can be computed in one go.

    A part may not need what a node outside computes from the part itself. So the part of a node is
    the number of turns between inside and outside on the longest way to it.

    Args:
        graph: whose nodes they are.
        groups: nodes that have to be in one part. Those of no group stay outside.

    Returns:
        The nodes of each part, first come first.
    """
    members = [_with_items(group) for group in groups]
    inside = {node: i for i, group in enumerate(members) for node in group}
    parts = dict.fromkeys(graph.nodes, 0)
    before: dict[fx.Node, int] = {}
    while parts != before:
        before = dict(parts)
        for node in graph.nodes:
            for x in node.all_input_nodes:
                turns = node in inside and x not in inside and x.op == "call_function"
                parts[node] = max(parts[node], parts[x] + turns)
        for group in members:
            parts.update(dict.fromkeys(group, max(parts[node] for node in group)))
    order = sorted({parts[node] for node in inside})
    return [[n for n in graph.nodes if n in inside and parts[n] == part] for part in order]


def import_executorch(name: str) -> ModuleType:
    """Import a module of executorch without its warnings."""
    with quiet_import():
        return optional_import(f"executorch.{name}", extra="mobile")


def _fits(group: Iterable[fx.Node]) -> bool:
    """Whether XNNPACK has tensors of so many axes."""
    nodes = {x for node in group for x in (node, *node.all_input_nodes)}
    values = [node.meta.get("val") for node in nodes]
    return all(value.dim() <= MAX_AXES for value in values if isinstance(value, Tensor))


def _with_items(group: Iterable[fx.Node]) -> list[fx.Node]:
    """Add what only picks from a result of several tensors."""
    nodes = list(group)
    users = [user for node in nodes for user in node.users if user not in nodes]
    return nodes + [user for user in users if user.target is operator.getitem]
