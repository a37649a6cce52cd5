"""Heads: from features to class scores."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from pytorchvideo_clone.layers.chain import make_activation
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes

__all__ = [
    "ResNetBasicHead",
    "ResNetRoIHead",
    "SequencePool",
    "VisionTransformerBasicHead",
    "create_res_basic_head",
    "create_res_roi_pooling_head",
    "create_vit_basic_head",
    "make_pool",
]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


def make_pool(
    pool: Maker | None,
    *,
    output_size: Size,
    kernel_size: Size | None,
    stride: Size = (1, 1, 1),
    padding: Size = (0, 0, 0),
) -> nn.Module | None:
    """Make a 3D pool, or None.

    Args:
        pool: `nn.AdaptiveAvgPool3d` and `nn.AdaptiveMaxPool3d` get `output_size`, every other
            maker, such as `nn.AvgPool3d`, the kernel's size, stride and padding.
        output_size: (T, H, W).
        kernel_size: (T, H, W); None stands for the adaptive average.
        stride: (T, H, W).
        padding: (T, H, W).
    """
    if pool is None:
        return None
    if kernel_size is None:
        return nn.AdaptiveAvgPool3d(output_size)
    if pool in (nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d):
        return pool(output_size)
    return pool(kernel_size=kernel_size, stride=stride, padding=padding)


class _Scores(nn.Module):
    """What the two heads share, from pooled features on."""

    if TYPE_CHECKING:  # torch.jit.script reads annotations, but none of modules
        dropout: nn.Module | None
        proj: nn.Module | None
        activation: nn.Module | None
        output_pool: nn.Module | None

    def _score(self, x: Tensor) -> Tensor:
        if self.dropout is not None:
            x = self.dropout(x)
        if self.proj is not None:
            x = self.proj(x.movedim(1, -1)).movedim(-1, 1)
        if self.activation is not None:
            x = self.activation(x)
        if self.output_pool is not None:
            x = self.output_pool(x).flatten(1)
        return x


class ResNetBasicHead(_Scores):
    """Pool, dropout, linear layer over the channels, activation, average; any may be None.

    The activation comes before the average, in training and in evaluation.

    Args:
        pool: of the features.
        dropout: of the pooled features.
        proj: linear layer, applied at every position left.
        activation: of the scores at every position.
        output_pool: averages over the positions; then the output is (B, classes).

    >>> import torch
    >>> head = ResNetBasicHead(proj=nn.Linear(8, 5), output_pool=nn.AdaptiveAvgPool3d(1))
    >>> head(torch.ones(2, 8, 3, 4, 4)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        pool: nn.Module | None = None,
        dropout: nn.Module | None = None,
        proj: nn.Module | None = None,
        activation: nn.Module | None = None,
        output_pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.dropout = dropout
        self.proj = proj
        self.activation = activation
        self.output_pool = output_pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, classes), or (B, classes, T', H', W') without `output_pool`."""
        if self.pool is not None:
            x = self.pool(x)
        return self._score(x)


def create_res_basic_head(
    *,
    in_features: int,
    out_features: int,
    pool: Maker | None = nn.AvgPool3d,
    output_size: Size = (1, 1, 1),
    pool_kernel_size: Size = (1, 7, 7),
    pool_stride: Size = (1, 1, 1),
    pool_padding: Size = (0, 0, 0),
    dropout_rate: float = 0.5,
    activation: Maker | None = None,
    output_with_global_average: bool = True,
) -> ResNetBasicHead:
    """Make the head of a ResNet.

    Args:
        in_features: channels of the features.
        out_features: number of classes.
        pool: makes the pool, as in `make_pool`, or None.
        output_size: as in `make_pool`.
        pool_kernel_size: as in `make_pool`.
        pool_stride: as in `make_pool`.
        pool_padding: as in `make_pool`.
        dropout_rate: 0 leaves the dropout out.
        activation: makes the activation, or None; `nn.Softmax` works on the classes.
        output_with_global_average: average the scores over all positions left.

    >>> import torch
    >>> head = create_res_basic_head(in_features=8, out_features=5)
    >>> head(torch.ones(2, 8, 3, 9, 9)).shape
    torch.Size([2, 5])
    """
    return ResNetBasicHead(
        pool=make_pool(
            pool,
            output_size=output_size,
            kernel_size=pool_kernel_size,
            stride=pool_stride,
            padding=pool_padding,
        ),
        dropout=nn.Dropout(dropout_rate) if dropout_rate > 0 else None,
        proj=nn.Linear(in_features, out_features),
        activation=make_activation(activation),
        output_pool=nn.AdaptiveAvgPool3d(1) if output_with_global_average else None,
    )


class ResNetRoIHead(_Scores):
    """Pool over time, cut out regions, pool over space, then as `ResNetBasicHead`.

    Args:
        pool: leaves one step of time.
        pool_spatial: pools each region over space, or None.
        roi_layer: called as `roi_layer(features, boxes)`, or None: the boxes are not used.
        dropout: as in `ResNetBasicHead`.
        proj: as in `ResNetBasicHead`.
        activation: as in `ResNetBasicHead`.
        output_pool: as in `ResNetBasicHead`.
    """

    def __init__(
        self,
        pool: nn.Module | None = None,
        pool_spatial: nn.Module | None = None,
        roi_layer: nn.Module | None = None,
        dropout: nn.Module | None = None,
        proj: nn.Module | None = None,
        activation: nn.Module | None = None,
        output_pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.pool_spatial = pool_spatial
        self.roi_layer = roi_layer
        self.dropout = dropout
        self.proj = proj
        self.activation = activation
        self.output_pool = output_pool

    def forward(self, x: Tensor, bboxes: Tensor) -> Tensor:
        """(B, C, T, H, W) and boxes (K, 5) -> (K, classes), or (K, classes, 1, H', W').

        Raises:
            ValueError: if more than one step of time is left after `pool`.
        """
        if self.pool is not None:
            x = self.pool(x)
        if self.roi_layer is not None:
            if x.shape[2] != 1:
                raise ValueError(
                    f"{x.shape[2]} steps of time are left for the regions; expected 1: "
                    "choose the pool's temporal size so that one is left."
                )
            x = self.roi_layer(x.squeeze(2), bboxes)
            if self.pool_spatial is not None:
                x = self.pool_spatial(x)
            x = x.unsqueeze(2)
        return self._score(x)


def _make_roi_align(**kwargs: Any) -> nn.Module:
    # torchvision takes as long to import as torch itself.
    from torchvision.ops import RoIAlign

    return RoIAlign(**kwargs)


def create_res_roi_pooling_head(
    *,
    in_features: int,
    out_features: int,
    resolution: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int = 0,
    roi: Maker | None = _make_roi_align,
    pool: Maker | None = nn.AvgPool3d,
    output_size: Size = (1, 1, 1),
    pool_kernel_size: Size = (1, 7, 7),
    pool_stride: Size = (1, 1, 1),
    pool_padding: Size = (0, 0, 0),
    pool_spatial: Maker | None = nn.MaxPool2d,
    dropout_rate: float = 0.5,
    activation: Maker | None = None,
    output_with_global_average: bool = True,
) -> ResNetRoIHead:
    """Make a head that scores regions of interest.

    Args:
        in_features: as in `create_res_basic_head`.
        out_features: as in `create_res_basic_head`.
        resolution: (H, W) of a region's features.
        spatial_scale: features per input pixel, e.g. 1 / 16.
        sampling_ratio: samples a bin and axis; 0 stands for as many as the region's size needs.
        roi: makes the region layer, default `torchvision.ops.RoIAlign`, or None.
        pool: as in `create_res_basic_head`; it must leave one step of time.
        output_size: as in `create_res_basic_head`.
        pool_kernel_size: as in `create_res_basic_head`.
        pool_stride: as in `create_res_basic_head`.
        pool_padding: as in `create_res_basic_head`.
        pool_spatial: makes the pool over a region, called as `pool_spatial(resolution, stride=1)`,
            or None.
        dropout_rate: as in `create_res_basic_head`.
        activation: as in `create_res_basic_head`.
        output_with_global_average: as in `create_res_basic_head`.

    Source: Girshick, "Fast R-CNN", ICCV 2015, https://arxiv.org/abs/1504.08083; He et al.,
    "Mask R-CNN", ICCV 2017, https://arxiv.org/abs/1703.06870.

    >>> import torch
    >>> head = create_res_roi_pooling_head(
    ...     in_features=8, out_features=5, resolution=(7, 7), spatial_scale=1 / 16, pool=None
    ... )
    >>> head(torch.ones(1, 8, 1, 14, 14), torch.tensor([[0, 0.0, 0.0, 99.0, 80.0]])).shape
    torch.Size([1, 5])
    """
    return ResNetRoIHead(
        pool=make_pool(
            pool,
            output_size=output_size,
            kernel_size=pool_kernel_size,
            stride=pool_stride,
            padding=pool_padding,
        ),
        pool_spatial=None if pool_spatial is None else pool_spatial(resolution, stride=1),
        roi_layer=None
        if roi is None
        else roi(
            output_size=resolution, spatial_scale=spatial_scale, sampling_ratio=sampling_ratio
        ),
        dropout=nn.Dropout(dropout_rate) if dropout_rate > 0 else None,
        proj=nn.Linear(in_features, out_features),
        activation=make_activation(activation),
        output_pool=nn.AdaptiveAvgPool3d(1) if output_with_global_average else None,
    )


class SequencePool(nn.Module):
    """Turn a sequence of tokens into one vector.

    Args:
        mode: "cls" takes the first token, "mean" averages, "none" keeps the sequence.

    >>> import torch
    >>> SequencePool("mean")(torch.ones(2, 7, 8)).shape
    torch.Size([2, 8])
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        if mode not in ("cls", "mean", "none"):
            raise ValueError(f"mode is {mode!r}; expected 'cls', 'mean' or 'none'.")
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, D), or (B, N, D) for "none"."""
        if self.mode == "cls":
            return x[:, 0]
        return x.mean(1) if self.mode == "mean" else x


class VisionTransformerBasicHead(nn.Module):
    """Sequence pool, dropout, linear layer, activation; any may be None."""

    def __init__(
        self,
        sequence_pool: nn.Module | None = None,
        dropout: nn.Module | None = None,
        proj: nn.Module | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.sequence_pool = sequence_pool
        self.dropout = dropout
        self.proj = proj
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, classes)."""
        # Not a loop, which torch.jit.script refuses over layers of several classes.
        if self.sequence_pool is not None:
            x = self.sequence_pool(x)
        if self.dropout is not None:
            x = self.dropout(x)
        if self.proj is not None:
            x = self.proj(x)
        if self.activation is not None:
            x = self.activation(x)
        return x


def create_vit_basic_head(
    *,
    in_features: int,
    out_features: int,
    seq_pool_type: str = "cls",
    dropout_rate: float = 0.5,
    activation: Maker | None = None,
) -> VisionTransformerBasicHead:
    """Make the head of a transformer.

    Args:
        in_features: width of a token.
        out_features: number of classes.
        seq_pool_type: as in `SequencePool`.
        dropout_rate: 0 leaves the dropout out.
        activation: as in `create_res_basic_head`.
    """
    return VisionTransformerBasicHead(
        sequence_pool=SequencePool(seq_pool_type),
        dropout=nn.Dropout(dropout_rate) if dropout_rate > 0 else None,
        proj=nn.Linear(in_features, out_features),
        activation=make_activation(activation),
    )
