"""Attention whose queries, keys and values are pooled: the blocks of MViT.

Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021, https://arxiv.org/abs/2104.11227.
"""

import re
from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorchvideo_clone.layers.attention_pool import TokenPool, make_token_pool
from pytorchvideo_clone.layers.drop_path import DropPath
from pytorchvideo_clone.layers.fold import batch_norm_affine, fold_after, fold_before
from pytorchvideo_clone.layers.mlp import Mlp
from pytorchvideo_clone.layers.relative_position import RelativePositions

__all__ = ["Mlp", "MultiScaleAttention", "MultiScaleBlock"]

Size = Sequence[int]
Maker = Callable[..., nn.Module]


class MultiScaleAttention(nn.Module):
    """Attend between tokens that are pooled over time and space.

    The state dict names every pool and its norm twice, `pool_q` and `_attention_pool_q.pool`, as
    PyTorchVideo's does; one that has only the first name, as its older ones, loads too. Setting a
    pool or norm sets it under both names.

    Args:
        dim: width of a token.
        dim_out: width of the output; default `dim`.
        num_heads: number of heads, which share the pools' weights.
        qkv_bias: biases of queries, keys and values.
        dropout_rate: of the output.
        kernel_q: pool of the queries, (T, H, W); see `make_token_pool`.
        kernel_kv: pool of keys and values, (T, H, W).
        stride_q: of that pool, (T, H, W).
        stride_kv: of that pool, (T, H, W).
        norm_layer: called with a head's width, makes the norm after each pool of mode "conv"; an
            `nn.BatchNorm3d` comes before the pool, followed by a GELU.
        has_cls_embed: the first token is a class token, which is not pooled.
        pool_mode: "conv", "avg" or "max".
        pool_first: pool the tokens themselves, then make queries, keys and values.
        residual_pool: add the queries to the result.
        depthwise_conv: a pool of mode "conv" works on each channel by itself.
        bias_on: bias of the output.
        separate_qkv: three linear layers instead of one; with `pool_first` they always are.
        residual_pool_cls: `residual_pool` adds the class token's query too.
        rel_pos_grid: learn positions relative to each other, for tokens of this grid (T, H, W).

    Raises:
        ValueError: if the heads do not divide the width.

    Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021,
    https://arxiv.org/abs/2104.11227, section 3.1; residual_pool and rel_pos_grid: Li et al.,
    "MViTv2", CVPR 2022, https://arxiv.org/abs/2112.01526, section 4.1.

    >>> attention = MultiScaleAttention(16, num_heads=4, kernel_q=(1, 3, 3), stride_q=(1, 2, 2))
    >>> x, thw = attention(torch.ones(1, 33, 16), [2, 4, 4])
    >>> x.shape, thw
    (torch.Size([1, 9, 16]), [2, 2, 2])
    """

    if TYPE_CHECKING:  # torch.jit.script reads annotations, but none of modules
        _attention_pool_q: TokenPool
        _attention_pool_k: TokenPool
        _attention_pool_v: TokenPool

    def __init__(
        self,
        dim: int,
        dim_out: int | None = None,
        num_heads: int = 8,
        qkv_bias: bool = False,
        dropout_rate: float = 0.0,
        kernel_q: Size = (1, 1, 1),
        kernel_kv: Size = (1, 1, 1),
        stride_q: Size = (1, 1, 1),
        stride_kv: Size = (1, 1, 1),
        norm_layer: Maker = nn.LayerNorm,
        has_cls_embed: bool = True,
        pool_mode: str = "conv",
        pool_first: bool = False,
        residual_pool: bool = True,
        depthwise_conv: bool = True,
        bias_on: bool = True,
        separate_qkv: bool = True,
        residual_pool_cls: bool = True,
        rel_pos_grid: Size | None = None,
    ) -> None:
        super().__init__()
        dim_out = dim_out or dim
        pooled_dim = dim if pool_first else dim_out
        for width in (pooled_dim, dim_out):
            if width % num_heads:
                raise ValueError(f"{num_heads} heads do not divide a width of {width}.")
        self.num_heads = num_heads
        self.scale = (dim_out // num_heads) ** -0.5
        self.has_cls_embed = has_cls_embed
        self.pool_first = pool_first
        self.residual_pool = residual_pool
        self.residual_skips_cls = has_cls_embed and not residual_pool_cls
        self.fused_qkv = not (separate_qkv or pool_first)

        def linear(width: int, made: bool) -> nn.Linear | None:
            return nn.Linear(dim, width, bias=qkv_bias) if made else None

        self.qkv = linear(3 * dim_out, self.fused_qkv)
        self.q = linear(dim_out, not self.fused_qkv)
        self.k = linear(dim_out, not self.fused_qkv)
        self.v = linear(dim_out, not self.fused_qkv)
        self.proj = nn.Linear(dim_out, dim_out, bias=bias_on)
        self.proj_drop = nn.Dropout(dropout_rate) if dropout_rate > 0 else nn.Identity()

        head_dim = pooled_dim // num_heads
        of_kv = kernel_kv, stride_kv
        for name, (kernel, stride) in zip("qkv", ((kernel_q, stride_q), of_kv, of_kv), strict=True):
            pool = make_token_pool(pool_mode, head_dim, kernel, stride, depthwise_conv)
            norm = norm_layer(head_dim) if isinstance(pool, nn.Conv3d) else None
            self.add_module(f"pool_{name}", pool)
            self.add_module(f"norm_{name}", norm)
        for name in "qkv":
            pool, norm = self._modules[f"pool_{name}"], self._modules[f"norm_{name}"]
            both = TokenPool(pool, norm, has_cls_embed, isinstance(norm, nn.BatchNorm3d))
            self.add_module(f"_attention_pool_{name}", both)
        self.rel_pos = None
        if rel_pos_grid is not None:
            self.rel_pos = RelativePositions(
                dim_out // num_heads, rel_pos_grid, stride_q, stride_kv, has_cls_embed
            )

    def forward(self, x: Tensor, thw_shape: list[int]) -> tuple[Tensor, list[int]]:
        """(B, N, C) and their grid -> (B, N', dim_out) and the queries' grid [T', H', W']."""
        if self.pool_first:
            heads = self._split(x)
            q, q_shape = self._attention_pool_q(heads, thw_shape)
            k, k_shape = self._attention_pool_k(heads, thw_shape)
            v, _ = self._attention_pool_v(heads, thw_shape)
            q, k, v = self._project(_merge(q), _merge(k), _merge(v))
        else:
            q, k, v = self._project(x, x, x)
            q, q_shape = self._attention_pool_q(q, thw_shape)
            k, k_shape = self._attention_pool_k(k, thw_shape)
            v, _ = self._attention_pool_v(v, thw_shape)
        wide_q, wide_k = q, k
        if self.rel_pos is not None:
            wide_q, wide_k = self.rel_pos(q, k, q_shape, k_shape)
        y = _attend(wide_q, wide_k, v)
        if self.residual_pool:
            y = y + (F.pad(q[:, :, 1:], [0, 0, 1, 0]) if self.residual_skips_cls else q)
        return self.proj_drop(self.proj(_merge(y))), q_shape

    def fuse_bn(self) -> None:
        """Write the batch norms into the linear layers before them, in place, for inference.

        Where there are none, or where the pooling comes first or leaves out a class token, which
        the linear layer does not, nothing changes.

        >>> attention = MultiScaleAttention(
        ...     8, num_heads=2, kernel_q=(1, 3, 3), norm_layer=nn.BatchNorm3d, has_cls_embed=False
        ... ).eval()
        >>> attention.fuse_bn()
        >>> attention.norm_q
        Identity()
        """
        if self.pool_first or self.has_cls_embed:
            return
        for name in "qkv":
            norm = getattr(self, f"norm_{name}")
            if not isinstance(norm, nn.BatchNorm3d):
                continue
            scale, shift = (vector.repeat(self.num_heads) for vector in batch_norm_affine(norm))
            if self.qkv is not None:
                parts = torch.ones(3, len(scale)).to(scale), torch.zeros(3, len(shift)).to(shift)
                for part, vector in zip(parts, (scale, shift), strict=True):
                    part["qkv".index(name)] = vector
                self.qkv = fold_after(self.qkv, parts[0].flatten(), parts[1].flatten())
            else:
                setattr(self, name, fold_after(getattr(self, name), scale, shift))
            setattr(self, f"norm_{name}", nn.Identity())

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        part, _, which = name.partition("_")
        if part in ("pool", "norm") and f"_attention_pool_{which}" in self._modules:
            setattr(getattr(self, f"_attention_pool_{which}"), part, value)

    def _project(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Linear layers of tokens (B, N, C) each -> heads; a fused one takes the first's alone."""
        if self.qkv is not None:
            parts = self.qkv(q).chunk(3, dim=-1)
            q, k, v = parts[0], parts[1], parts[2]
        if self.q is not None and self.k is not None and self.v is not None:
            q, k, v = self.q(q), self.k(k), self.v(v)
        return self._split(q), self._split(k), self._split(v)

    def _split(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, heads, N, C / heads)."""
        return x.unflatten(-1, [self.num_heads, -1]).transpose(1, 2)

    def _load_from_state_dict(
        self, state_dict: MutableMapping[str, Tensor], prefix: str, *args: Any
    ) -> None:
        # `state_dict` is load_state_dict's own copy. Older checkpoints have one name only.
        for key in list(state_dict):
            one_name = re.fullmatch(r"(pool|norm)_([qkv])\.(.+)", key.removeprefix(prefix))
            if one_name and key.startswith(prefix):
                part, name, rest = one_name.groups()
                again = f"{prefix}_attention_pool_{name}.{part}.{rest}"
                state_dict.setdefault(again, state_dict[key])
        super()._load_from_state_dict(state_dict, prefix, *args)


class MultiScaleBlock(nn.Module):
    """Attention and a perceptron, each after a norm and with a shortcut around it.

    Where the queries are pooled with a stride, a max pool of the same stride takes the shortcut
    along; where the width changes, a linear layer does.

    Args:
        dim: width of a token.
        dim_out: width of the output.
        num_heads: as in `MultiScaleAttention`.
        mlp_ratio: width inside the perceptron per width of its input.
        qkv_bias: as in `MultiScaleAttention`.
        dropout_rate: of attention and perceptron.
        droppath_rate: probability that a sample skips the attention, or the perceptron, in
            training.
        act_layer: makes the perceptron's activation.
        norm_layer: called with the width, makes the norms before attention and perceptron.
        attn_norm_layer: `norm_layer` of `MultiScaleAttention`.
        dim_mul_in_att: change the width in the attention instead of the perceptron.
        kernel_q: as in `MultiScaleAttention`.
        kernel_kv: as in `MultiScaleAttention`.
        stride_q: as in `MultiScaleAttention`.
        stride_kv: as in `MultiScaleAttention`.
        pool_mode: as in `MultiScaleAttention`.
        has_cls_embed: as in `MultiScaleAttention`.
        pool_first: as in `MultiScaleAttention`.
        residual_pool: as in `MultiScaleAttention`.
        depthwise_conv: as in `MultiScaleAttention`.
        bias_on: biases of all linear layers but those of queries, keys and values.
        separate_qkv: as in `MultiScaleAttention`.
        residual_pool_cls: as in `MultiScaleAttention`.
        rel_pos_grid: as in `MultiScaleAttention`.

    Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021,
    https://arxiv.org/abs/2104.11227, section 3.2.

    >>> block = MultiScaleBlock(16, 32, num_heads=2, kernel_q=(1, 3, 3), stride_q=(1, 2, 2))
    >>> x, thw = block(torch.ones(1, 33, 16), [2, 4, 4])
    >>> x.shape, thw
    (torch.Size([1, 9, 32]), [2, 2, 2])
    """

    def __init__(
        self,
        dim: int,
        dim_out: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = False,
        dropout_rate: float = 0.0,
        droppath_rate: float = 0.0,
        act_layer: Maker = nn.GELU,
        norm_layer: Maker = nn.LayerNorm,
        attn_norm_layer: Maker = nn.LayerNorm,
        dim_mul_in_att: bool = False,
        kernel_q: Size = (1, 1, 1),
        kernel_kv: Size = (1, 1, 1),
        stride_q: Size = (1, 1, 1),
        stride_kv: Size = (1, 1, 1),
        pool_mode: str = "conv",
        has_cls_embed: bool = True,
        pool_first: bool = False,
        residual_pool: bool = False,
        depthwise_conv: bool = True,
        bias_on: bool = True,
        separate_qkv: bool = True,
        residual_pool_cls: bool = True,
        rel_pos_grid: Size | None = None,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.dim_out = dim_out
        self.has_cls_embed = has_cls_embed
        self.dim_mul_in_att = dim_mul_in_att
        mlp_dim = dim_out if dim_mul_in_att else dim
        self.norm1 = norm_layer(dim)
        self.attn = MultiScaleAttention(
            dim,
            dim_out=mlp_dim,
            num_heads=num_heads,
            qkv_bias=qkv_bias,
            dropout_rate=dropout_rate,
            kernel_q=kernel_q,
            kernel_kv=kernel_kv,
            stride_q=stride_q,
            stride_kv=stride_kv,
            norm_layer=attn_norm_layer,
            has_cls_embed=has_cls_embed,
            pool_mode=pool_mode,
            pool_first=pool_first,
            residual_pool=residual_pool,
            depthwise_conv=depthwise_conv,
            bias_on=bias_on,
            separate_qkv=separate_qkv,
            residual_pool_cls=residual_pool_cls,
            rel_pos_grid=rel_pos_grid,
        )
        self.drop_path = DropPath(droppath_rate) if droppath_rate > 0 else nn.Identity()
        self.norm2 = norm_layer(mlp_dim)
        self.norm1_is_batchnorm_1d = isinstance(self.norm1, nn.BatchNorm1d)
        self.norm2_is_batchnorm_1d = isinstance(self.norm2, nn.BatchNorm1d)
        self.mlp = Mlp(
            in_features=mlp_dim,
            hidden_features=int(mlp_dim * mlp_ratio),
            out_features=dim_out,
            act_layer=act_layer,
            dropout_rate=dropout_rate,
            bias_on=bias_on,
        )
        self.proj = None if dim == dim_out else nn.Linear(dim, dim_out, bias=bias_on)
        kernel_skip = [step + 1 if step > 1 else step for step in stride_q]
        self.pool_skip = make_token_pool("max", dim_out, kernel_skip, stride_q)
        self._attention_pool_skip = TokenPool(self.pool_skip, has_cls_embed=has_cls_embed)

    def forward(self, x: Tensor, thw_shape: list[int]) -> tuple[Tensor, list[int]]:
        """(B, N, dim) and their grid -> (B, N', dim_out) and the new grid [T', H', W'].

        Without a pool the grid comes back as it was given.
        """
        if self.norm1_is_batchnorm_1d:
            normed = self.norm1(x.transpose(1, 2)).transpose(1, 2)
        else:
            normed = self.norm1(x)
        attended, q_shape = self.attn(normed, thw_shape)
        if self.proj is not None and self.dim_mul_in_att:
            x = self.proj(normed)
        shortcut, _ = self._attention_pool_skip(x.unsqueeze(1), thw_shape)
        x = shortcut.squeeze(1) + self.drop_path(attended)
        if self.norm2_is_batchnorm_1d:
            normed = self.norm2(x.transpose(1, 2)).transpose(1, 2)
        else:
            normed = self.norm2(x)
        if self.proj is not None and not self.dim_mul_in_att:
            x = self.proj(normed)
        return x + self.drop_path(self.mlp(normed)), q_shape

    def fuse_bn(self) -> None:
        """Write the batch norms into the linear layers beside them, in place, for inference.

        >>> block = MultiScaleBlock(8, 16, num_heads=2, norm_layer=nn.BatchNorm1d).eval()
        >>> block.fuse_bn()
        >>> block.norm1, block.norm2
        (Identity(), Identity())
        """
        # A pool between norm and linear layer, with an activation and a border, keeps them apart.
        pooled = any(getattr(self.attn, f"pool_{name}") is not None for name in "qkv")
        if isinstance(self.norm1, nn.BatchNorm1d) and not (self.attn.pool_first and pooled):
            affine = batch_norm_affine(self.norm1)
            for name in ("qkv",) if self.attn.fused_qkv else ("q", "k", "v"):
                setattr(self.attn, name, fold_before(*affine, getattr(self.attn, name)))
            if self.dim_mul_in_att and self.proj is not None:
                self.proj = fold_before(*affine, self.proj)
            self.norm1 = nn.Identity()
        if isinstance(self.norm2, nn.BatchNorm1d):
            affine = batch_norm_affine(self.norm2)
            self.mlp.fc1 = fold_before(*affine, self.mlp.fc1)
            if not self.dim_mul_in_att and self.proj is not None:
                self.proj = fold_before(*affine, self.proj)
            self.norm2 = nn.Identity()
        self.attn.fuse_bn()


def _attend(q: Tensor, k: Tensor, v: Tensor, few_keys: int = 1024) -> Tensor:
    """softmax(q k^T / sqrt(D)) v; (B, heads, N, D), (B, heads, M, D) -> (B, heads, N, D).

    Queries and keys may have columns that values lack, of relative positions.
    """
    dim = v.shape[-1]
    # On CPUs torch's bfloat16 kernel takes 1.6 times as long as two products (the shapes of MViT-B,
    # torch 2.14, an AMD EPYC with AVX-512 BF16); with few keys their memory is small.
    if q.dtype == torch.bfloat16 and q.device.type == "cpu" and k.shape[-2] <= few_keys:
        weights = torch.softmax(q * dim**-0.5 @ k.transpose(-2, -1), dim=-1)
        return weights @ v
    if q.shape[-1] == dim:
        return F.scaled_dot_product_attention(q, k, v)
    # The kernels that hold no matrix of scores want one width.
    v = F.pad(v, [0, q.shape[-1] - dim])
    return F.scaled_dot_product_attention(q, k, v, scale=dim**-0.5)[..., :dim]


def _merge(x: Tensor) -> Tensor:
    """(B, heads, N, D) -> (B, N, heads * D)."""
    return x.transpose(1, 2).flatten(2)
