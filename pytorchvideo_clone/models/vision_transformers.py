"""Multiscale vision transformers (MViT), for clips and images.

Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021, https://arxiv.org/abs/2104.11227.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pytorchvideo_clone.layers.attention import MultiScaleBlock
from pytorchvideo_clone.layers.positional_encoding import SpatioTemporalClsPositionalEncoding
from pytorchvideo_clone.layers.utils import round_width
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.models._fit import run_block
from pytorchvideo_clone.models.head import create_vit_basic_head
from pytorchvideo_clone.models.stem import PatchEmbed, create_conv_patch_embed
from pytorchvideo_clone.models.weight_init import init_net_weights

__all__ = ["MultiscaleVisionTransformers", "create_multiscale_vision_transformers"]

Size = Sequence[int]
Maker = Callable[..., nn.Module]

# (norm of blocks and patches, norm after a pool, norm before the head or None), by name.
NORMS: dict[str, tuple[Maker, Maker, Maker | None]] = {
    "layernorm": (partial(nn.LayerNorm, eps=1e-6),) * 3,
    "batchnorm": (nn.BatchNorm1d, nn.BatchNorm3d, None),
}


class MultiscaleVisionTransformers(nn.Module):
    """Embed patches, add their positions, run the blocks, norm, classify; draws the weights.

    Args:
        patch_embed: makes tokens (B, N, D) from a clip, or None: the input is tokens.
        cls_positional_encoding: adds positions and knows the grid, `patch_embed_shape()`.
        pos_drop: dropout after that, or None.
        blocks: each takes and gives tokens and their grid.
        norm_embed: of the last tokens, or None.
        head: takes tokens (B, N, D), or None.

    Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021,
    https://arxiv.org/abs/2104.11227.
    """

    def __init__(
        self,
        *,
        patch_embed: nn.Module | None,
        cls_positional_encoding: SpatioTemporalClsPositionalEncoding,
        pos_drop: nn.Module | None,
        blocks: nn.ModuleList,
        norm_embed: nn.Module | None,
        head: nn.Module | None,
    ) -> None:
        super().__init__()
        self.patch_embed = patch_embed
        self.cls_positional_encoding = cls_positional_encoding
        self.pos_drop = pos_drop
        self.blocks = blocks
        self.norm_embed = norm_embed
        self.head = head
        init_net_weights(self, init_std=0.02, style="vit")

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips (B, C, T, H, W), images (B, C, H, W) or tokens (B, N, D).

        Returns:
            (B, classes), or tokens (B, N', D') without a head.

        Raises:
            ValueError: if the input is not of the size that the model was built for.
        """
        if self.patch_embed is not None:
            if torch.jit.is_scripting():
                x = self.patch_embed(x)
            else:
                x = run_block(self.patch_embed, x, name="patch_embed")
        x = self.cls_positional_encoding(x)
        if self.pos_drop is not None:
            x = self.pos_drop(x)
        time, height, width = self.cls_positional_encoding.patch_embed_shape()
        thw = [time, height, width]
        for block in self.blocks:
            x, thw = block(x, thw)
        if self.norm_embed is not None:
            x = self.norm_embed(x)
        if self.head is not None:
            x = self.head(x)
        return x

    def fuse_bn(self) -> None:
        """Write batch norms into the linear layers beside them, in place, for inference.

        Norms stay where that would change the numbers: before a pool that comes first
        (`pool_first`), and after a linear layer that also makes a class token.

        Raises:
            ValueError: in training mode, where batch norms depend on the batch.
        """
        if self.training:
            raise ValueError("the model is in training mode; call eval() before fuse_bn().")
        if isinstance(self.patch_embed, PatchEmbed):
            norm = self.patch_embed.norm
            if isinstance(norm, nn.BatchNorm1d):
                conv: Any = self.patch_embed.patch_model
                self.patch_embed.patch_model = fuse_conv_bn_eval(conv, norm)
                self.patch_embed.norm = None
        for block in self.blocks:
            if isinstance(block, MultiScaleBlock):
                block.fuse_bn()


def create_multiscale_vision_transformers(
    *,
    spatial_size: int | tuple[int, int],
    temporal_size: int,
    cls_embed_on: bool = True,
    sep_pos_embed: bool = True,
    depth: int = 16,
    norm: str = "layernorm",
    enable_patch_embed: bool = True,
    input_channels: int = 3,
    patch_embed_dim: int = 96,
    conv_patch_embed_kernel: Size = (3, 7, 7),
    conv_patch_embed_stride: Size = (2, 4, 4),
    conv_patch_embed_padding: Size = (1, 3, 3),
    enable_patch_embed_norm: bool = False,
    use_2d_patch: bool = False,
    num_heads: int = 1,
    mlp_ratio: float = 4.0,
    qkv_bias: bool = True,
    dropout_rate_block: float = 0.0,
    droppath_rate_block: float = 0.0,
    pooling_mode: str = "conv",
    pool_first: bool = False,
    residual_pool: bool = False,
    depthwise_conv: bool = True,
    bias_on: bool = True,
    separate_qkv: bool = True,
    embed_dim_mul: Sequence[Sequence[float]] | None = None,
    atten_head_mul: Sequence[Sequence[float]] | None = None,
    dim_mul_in_att: bool = False,
    pool_q_stride_size: Sequence[Size] | None = None,
    pool_kv_stride_size: Sequence[Size] | None = None,
    pool_kv_stride_adaptive: Size | None = None,
    pool_kvq_kernel: Size | None = None,
    residual_pool_cls: bool = True,
    abs_pos_embed: bool = True,
    rel_pos_embed: bool = False,
    head: Maker | None = create_vit_basic_head,
    head_dropout_rate: float = 0.5,
    head_activation: Maker | None = None,
    head_num_classes: int = 400,
    create_scriptable_model: bool = False,
    multiscale_vit_class: Callable[..., nn.Module] = MultiscaleVisionTransformers,
) -> nn.Module:
    """Make MViT; without the lists of strides and factors, a plain vision transformer.

    Blocks are numbered from 0. Lists name them: [[1, 2.0], [3, 2.0]] says 2.0 for blocks 1 and 3.

    Args:
        spatial_size: (H, W) of the input, or the side of a square.
        temporal_size: frames of the input; 1 for images.
        cls_embed_on: classify by a class token; otherwise by the average of all tokens.
        sep_pos_embed: as in `SpatioTemporalClsPositionalEncoding`.
        depth: number of blocks.
        norm: "layernorm", or "batchnorm", which has no norm before the head.
        enable_patch_embed: False takes tokens (B, N, D), of which `temporal_size` and
            `spatial_size` are the grid.
        input_channels: channels of the input.
        patch_embed_dim: width of the first block's tokens.
        conv_patch_embed_kernel: of the patch embedding, (T, H, W), or (H, W) for images.
        conv_patch_embed_stride: of the patch embedding, likewise.
        conv_patch_embed_padding: of the patch embedding, likewise.
        enable_patch_embed_norm: a norm of the embedded patches.
        use_2d_patch: the input is images (B, C, H, W), or clips of one frame.
        num_heads: of the first block.
        mlp_ratio: as in `MultiScaleBlock`.
        qkv_bias: as in `MultiScaleAttention`.
        dropout_rate_block: `dropout_rate` of `MultiScaleBlock`, and that of the encoded patches.
        droppath_rate_block: `droppath_rate` of the last block; it grows linearly from 0.
        pooling_mode: `pool_mode` of `MultiScaleAttention`.
        pool_first: as in `MultiScaleAttention`.
        residual_pool: as in `MultiScaleAttention`.
        depthwise_conv: as in `MultiScaleAttention`.
        bias_on: as in `MultiScaleBlock`.
        separate_qkv: as in `MultiScaleAttention`.
        embed_dim_mul: [block, factor]: the block works on tokens wider by the factor; the block
            before makes them, or with `dim_mul_in_att` its own attention.
        atten_head_mul: [block, factor] of the number of heads, from this block on.
        dim_mul_in_att: as in `MultiScaleBlock`.
        pool_q_stride_size: [block, T, H, W]: stride of the queries' pool; other blocks have none.
        pool_kv_stride_size: [block, T, H, W]: stride of the keys' and values' pool.
        pool_kv_stride_adaptive: that of block 0 instead, (T, H, W); every stride of the queries
            divides it, from this block on.
        pool_kvq_kernel: kernel of all pools, (T, H, W); default stride + 1 where the stride is
            above 1.
        residual_pool_cls: as in `MultiScaleAttention`.
        abs_pos_embed: learn positions that are added to the patches.
        rel_pos_embed: learn in every block where keys are relative to queries.
        head: called as `create_vit_basic_head` is; None gives the tokens.
        head_dropout_rate: `dropout_rate` of the head.
        head_activation: `activation` of the head.
        head_num_classes: number of classes.
        create_scriptable_model: has no effect; use `torch.export`.
        multiscale_vit_class: called as `MultiscaleVisionTransformers` is.

    Raises:
        NotImplementedError: if there is no such norm.
        AssertionError: if `use_2d_patch` is set with more than one frame, as in PyTorchVideo.
        ValueError: if a list names a block that does not exist, or sizes are missing in it.

    Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021,
    https://arxiv.org/abs/2104.11227; positions relative to each other, residual pooling and widths
    that change in the attention: Li et al., "MViTv2", CVPR 2022, https://arxiv.org/abs/2112.01526.

    >>> import torch
    >>> model = create_multiscale_vision_transformers(
    ...     spatial_size=32, temporal_size=4, depth=2, patch_embed_dim=16, head_num_classes=5,
    ...     embed_dim_mul=[[1, 2.0]], atten_head_mul=[[1, 2.0]],
    ...     pool_q_stride_size=[[1, 1, 2, 2]], pool_kv_stride_adaptive=[1, 2, 2],
    ... )
    >>> model(torch.ones(1, 3, 4, 32, 32)).shape
    torch.Size([1, 5])
    """
    if use_2d_patch and temporal_size != 1:
        raise AssertionError(
            f"temporal_size is {temporal_size}; images (use_2d_patch) have 1: leave use_2d_patch "
            "out for clips."
        )
    if norm not in NORMS:
        raise NotImplementedError(f"norm is {norm!r}; expected one of {sorted(NORMS)}.")
    if pool_kv_stride_size is not None and pool_kv_stride_adaptive is not None:
        raise ValueError(
            "pool_kv_stride_size and pool_kv_stride_adaptive are both given; choose one."
        )
    patch_axes = 2 if use_2d_patch else 3
    for name, sizes, axes in (
        ("conv_patch_embed_kernel", conv_patch_embed_kernel, patch_axes),
        ("conv_patch_embed_stride", conv_patch_embed_stride, patch_axes),
        ("conv_patch_embed_padding", conv_patch_embed_padding, patch_axes),
        ("pool_kv_stride_adaptive", pool_kv_stride_adaptive, 3),
        ("pool_kvq_kernel", pool_kvq_kernel, 3),
    ):
        if sizes is not None and len(sizes) != axes and (enable_patch_embed or axes == 3):
            wanted = "(T, H, W)" if axes == 3 else "(H, W), as images have no time"
            raise ValueError(f"{name} is {tuple(sizes)}; expected {wanted}.")
    if create_scriptable_model:
        warnings.warn(
            "create_scriptable_model has no effect, and scripting is deprecated in torch; "
            "use torch.export.",
            DeprecationWarning,
            stacklevel=2,
        )
    block_norm, pool_norm, last_norm = NORMS[norm]
    height, width = (spatial_size,) * 2 if isinstance(spatial_size, int) else spatial_size
    grid = [temporal_size, height, width]
    patch_embed = None
    if enable_patch_embed:
        patch_embed = create_conv_patch_embed(
            in_channels=input_channels,
            out_channels=patch_embed_dim,
            conv_kernel_size=conv_patch_embed_kernel,  # type: ignore[arg-type]  # 2D for images
            conv_stride=conv_patch_embed_stride,  # type: ignore[arg-type]
            conv_padding=conv_patch_embed_padding,  # type: ignore[arg-type]
            conv=nn.Conv2d if use_2d_patch else nn.Conv3d,
        )
        if enable_patch_embed_norm:
            patch_embed.norm = block_norm(patch_embed_dim)
        grid = _patch_grid(
            grid, conv_patch_embed_kernel, conv_patch_embed_stride, conv_patch_embed_padding
        )

    dim_factors = _by_block("embed_dim_mul", embed_dim_mul, depth + (not dim_mul_in_att), 1)
    head_factors = _by_block("atten_head_mul", atten_head_mul, depth, 1)
    q_strides = _by_block("pool_q_stride_size", pool_q_stride_size, depth, 3)
    kv_strides = _by_block("pool_kv_stride_size", pool_kv_stride_size, depth, 3)
    if not dim_mul_in_att and 0 in dim_factors:
        raise ValueError(
            "embed_dim_mul names block 0, before which there is none; set patch_embed_dim."
        )
    kv_stride = pool_kv_stride_adaptive
    blocks = nn.ModuleList()
    dim, block_grid = patch_embed_dim, grid
    for i in range(depth):
        num_heads = _times(num_heads, head_factors.get(i))
        q_stride = q_strides.get(i, ())
        if kv_stride is not None:
            steps = q_stride or (1, 1, 1)
            kv_stride = [max(a // int(b), 1) for a, b in zip(kv_stride, steps, strict=True)]
            kv_strides[i] = kv_stride
        # The width is that of the block itself, or of the block after it.
        at = i if dim_mul_in_att else i + 1
        heads_at = _times(num_heads, None if dim_mul_in_att else head_factors.get(at))
        dim_out = round_width(
            dim, dim_factors.get(at, (1.0,))[0], divisor=round_width(heads_at, 1.0)
        )
        blocks.append(
            MultiScaleBlock(
                dim=dim,
                dim_out=dim_out,
                num_heads=num_heads,
                mlp_ratio=mlp_ratio,
                qkv_bias=qkv_bias,
                dropout_rate=dropout_rate_block,
                droppath_rate=droppath_rate_block * i / max(depth - 1, 1),
                norm_layer=block_norm,
                attn_norm_layer=pool_norm,
                dim_mul_in_att=dim_mul_in_att,
                kernel_q=_kernel(q_stride, pool_kvq_kernel),
                kernel_kv=_kernel(kv_strides.get(i, ()), pool_kvq_kernel),
                stride_q=q_stride,
                stride_kv=kv_strides.get(i, ()),
                pool_mode=pooling_mode,
                has_cls_embed=cls_embed_on,
                pool_first=pool_first,
                residual_pool=residual_pool,
                depthwise_conv=depthwise_conv,
                bias_on=bias_on,
                separate_qkv=separate_qkv,
                residual_pool_cls=residual_pool_cls,
                rel_pos_grid=block_grid if rel_pos_embed else None,
            )
        )
        block_grid = [n // step for n, step in zip(block_grid, q_stride or (1, 1, 1), strict=True)]
        dim = dim_out
    return multiscale_vit_class(
        patch_embed=patch_embed,
        cls_positional_encoding=SpatioTemporalClsPositionalEncoding(
            embed_dim=patch_embed_dim,
            patch_embed_shape=grid,
            sep_pos_embed=sep_pos_embed,
            has_cls=cls_embed_on,
            has_pos=abs_pos_embed,
        ),
        pos_drop=nn.Dropout(dropout_rate_block) if dropout_rate_block > 0 else None,
        blocks=blocks,
        norm_embed=None if last_norm is None else last_norm(dim),
        head=None
        if head is None
        else head(
            in_features=dim,
            out_features=head_num_classes,
            seq_pool_type="cls" if cls_embed_on else "mean",
            dropout_rate=head_dropout_rate,
            activation=head_activation,
        ),
    )


def _patch_grid(size: list[int], kernel: Size, stride: Size, padding: Size) -> list[int]:
    """Positions of the patch embedding along T, H and W; two sizes mean H and W."""
    flat = size[: 3 - len(kernel)]
    sizes = zip(size[len(flat) :], kernel, stride, padding, strict=True)
    return flat + [(n + 2 * pad - k) // step + 1 for n, k, step, pad in sizes]


def _by_block(
    name: str, rows: Sequence[Sequence[Any]] | None, count: int, width: int
) -> dict[int, Sequence[Any]]:
    """[[block, ...]] as a table, after a check."""
    table = {}
    for row in rows or ():
        if len(row) != width + 1 or row[0] not in range(count):
            raise ValueError(
                f"{name} has {list(row)}; expected a block from 0 to {count - 1} and "
                f"{width} number{'s' if width > 1 else ''}."
            )
        table[int(row[0])] = row[1:]
    return table


def _times(num_heads: int, factor: Sequence[float] | None) -> int:
    return round_width(num_heads, 1.0 if factor is None else factor[0], min_width=1, divisor=1)


def _kernel(stride: Size, kernel: Size | None) -> Size:
    """The kernel of a pool; empty where there is no pool."""
    if not stride or kernel is not None:
        return kernel if stride and kernel is not None else ()
    return [step + 1 if step > 1 else step for step in stride]
