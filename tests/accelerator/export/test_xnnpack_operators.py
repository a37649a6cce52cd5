import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pytorchvideo_clone.accelerator.export.xnnpack_operators import to_plain_operators

aten = torch.ops.aten


class Compute(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(6), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) * self.weight[0]


def plain(function: Callable, x: Tensor) -> torch.export.ExportedProgram:
    """Rewrite a function; compare; give the program."""
    model = Compute(function).eval()
    program = to_plain_operators(torch.export.export(model, (x,)))
    torch.testing.assert_close(program.module()(x), model(x), rtol=1e-5, atol=1e-6)
    return program


def targets(program: torch.export.ExportedProgram) -> set[object]:
    return {node.target for node in program.graph.nodes if node.op == "call_function"}


def most_axes(program: torch.export.ExportedProgram, *operators: object) -> int:
    return max(n.meta["val"].dim() for n in program.graph.nodes if n.target in operators)


def windows(x: Tensor) -> Tensor:
    """(B, T, H, W, C) in windows of (2, 2, 3), as Swin cuts them."""
    b, t, h, w, c = x.shape
    x = x.view(b, t // 2, 2, h // 2, 2, w // 3, 3, c).permute(0, 1, 3, 5, 2, 4, 6, 7)
    return x.reshape(-1, 12, c)


@pytest.mark.parametrize("size", [(1, 4, 6, 6, 5), (3, 2, 4, 6, 1)])
def test_windows_have_six_axes(size: tuple[int, ...]) -> None:
    assert most_axes(plain(windows, torch.randn(size)), aten.permute.default) <= 6


def test_every_order_of_axes_is_kept() -> None:
    orders = list(itertools.permutations(range(4)))
    x = torch.randn(1, 2, 3, 1, 2, 1, 3, 1)

    def moved(x: Tensor) -> Tensor:
        pairs = [[2 * i, 2 * i + 1] for i in range(4)]
        ways = [x.permute([axis for i in order for axis in pairs[i]]) for order in orders]
        return torch.cat([way.reshape(-1) for way in ways])

    assert most_axes(plain(moved, x), aten.permute.default) <= 4


def test_sums_over_many_axes_have_few() -> None:
    def relative(x: Tensor) -> Tensor:  # as the positions of MViT v2
        scores = x[:, :, :, :, None, None, None].expand(1, 2, 3, 4, 2, 2, 2)
        height, width = x[..., None, None, :2], x[..., None, :3, None][..., :2, :]
        return scores * height[..., None, :] + width[..., None, :, :] - scores / 2

    program = plain(relative, torch.randn(1, 2, 3, 4))
    assert most_axes(program, aten.add.Tensor, aten.div.Tensor, aten.mul.Tensor) <= 6


PLAIN = {
    "layer norm": lambda x: F.layer_norm(x, (6,), torch.arange(6.0), torch.ones(6)),
    "layer norm of two axes": lambda x: F.layer_norm(x + 3, (4, 6)),
    "attention": lambda x: F.scaled_dot_product_attention(x, x + 1, x * 2),
    "attention of a scale": lambda x: F.scaled_dot_product_attention(x, x, x, scale=0.3),
    "roll": lambda x: x.roll((-1, 2, 7), (0, 2, 1)),
    "parts": lambda x: torch.cat([*x.split([1, 3], 1), *x.split(3, 1)], 1).roll(1, 0),
    "roll of all": lambda x: x.roll(5),
    "steps": lambda x: torch.cat([x[:, 0::2], x[:, 1::2]], -1).roll(1, 2),
    "steps to the end": lambda x: (x[..., ::5].sum() + x[..., 2::3] + x[:, 3::4, 1::3]).roll(1, 0),
}


@pytest.mark.parametrize("name", PLAIN)
def test_composite_operators_become_plain(name: str) -> None:
    program = plain(PLAIN[name], torch.randn(3, 4, 6))
    assert targets(program) <= {
        aten._unsafe_view.default,
        aten.add.Tensor,
        aten.bmm.default,
        aten.cat.default,
        aten.clone.default,
        aten.contiguous.default,
        aten.matmul.default,
        aten.mm.default,
        aten.mul.Tensor,
        aten.rsqrt.default,
        aten.slice.Tensor,
        aten.softmax.int,
        aten.squeeze.dim,
        aten.sub.Tensor,
        aten.sum.default,
        aten.transpose.int,
        aten.view.default,
    }
    slices = [node for node in program.graph.nodes if node.target is aten.slice.Tensor]
    strided = [node for node in slices if len(node.args) > 4 and node.args[4] != 1]
    assert not strided or name == "steps to the end"


def test_a_mask_of_attention_counts() -> None:
    mask = torch.ones(4, 4, dtype=torch.bool).tril()

    def masked(x: Tensor) -> Tensor:
        x = F.layer_norm(x, (6,))
        again = F.scaled_dot_product_attention(x, x, x, is_causal=True)
        return F.scaled_dot_product_attention(x, x, x, mask) + again

    plain(masked, torch.randn(3, 4, 6))


def test_what_the_clip_does_not_change_is_computed_before() -> None:
    def masked(x: Tensor) -> Tensor:
        regions = x.new_zeros(4, 6)
        regions[:2, 3:] = 1.0
        regions[2:] = 2.0
        rows = regions.T.reshape(-1)[:16]
        apart = rows[:, None] - rows[None]
        return x.reshape(1, -1)[:, :16] + apart.masked_fill(apart != 0, -100.0)

    assert targets(plain(masked, torch.randn(3, 4, 6))) <= {
        aten.view.default,
        aten.slice.Tensor,
        aten.add.Tensor,
        aten.mul.Tensor,
    }


def test_constants_that_would_make_the_file_large_are_computed_later() -> None:
    def far(x: Tensor) -> Tensor:
        x = F.layer_norm(x, (6,))
        near, far = (torch.arange(float(size)) for size in (40, 600))
        return x[0] + (near[:, None] - near).sum() + (far[:, None] - far).sum()

    program = plain(far, torch.randn(3, 4, 6))
    tables = [n for n in program.graph.nodes if n.meta.get("val") is not None]
    assert [n.op for n in tables if n.meta["val"].shape == (600, 600)] == ["call_function"]
    assert not [n for n in tables if n.meta["val"].shape == (40, 40)]


def test_a_program_of_plain_operators_stays() -> None:
    program = torch.export.export(nn.Conv2d(3, 4, 1).eval(), (torch.randn(1, 3, 4, 4),))
    assert to_plain_operators(program) is program
