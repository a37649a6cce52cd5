"""Video Swin transformers, which torchvision builds; here with our builders' head and errors."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

__all__ = ["create_swin3d"]

Maker = Callable[..., nn.Module]


def create_swin3d(
    *,
    embed_dim: int = 96,
    depths: Sequence[int] = (2, 2, 6, 2),
    num_heads: Sequence[int] = (3, 6, 12, 24),
    patch_size: Sequence[int] = (2, 4, 4),
    window_size: Sequence[int] = (8, 7, 7),
    stochastic_depth_prob: float = 0.1,
    head: Maker | None = nn.Linear,
    head_num_classes: int = 400,
    **kwargs: Any,
) -> nn.Module:
    """Make torchvision's Video Swin transformer, with torchvision's state-dict keys.

    Args:
        embed_dim: width of the first stage's tokens; each later stage has twice as many.
        depths: number of blocks of each stage.
        num_heads: number of heads of each stage.
        patch_size: of the patch embedding, (T, H, W), which is its stride too.
        window_size: tokens that attend to one another, (T, H, W).
        stochastic_depth_prob: probability that a sample skips the last block; it grows linearly
            from 0.
        head: called with the width and the number of classes; None gives the averaged features.
        head_num_classes: number of classes.
        kwargs: other arguments of `torchvision.models.video.SwinTransformer3d`.

    Returns:
        A network (B, 3, T, H, W) of any size -> (B, classes), or (B, 8 * embed_dim) without a head.
        It raises a RuntimeError for an input of another form.

    Source: Liu et al., "Video Swin Transformer", CVPR 2022, https://arxiv.org/abs/2106.13230.

    >>> import torch
    >>> model = create_swin3d(embed_dim=12, depths=(1, 1, 1, 1), head_num_classes=5)
    >>> model(torch.ones(1, 3, 4, 32, 32)).shape
    torch.Size([1, 5])
    """
    from torchvision.models.video import SwinTransformer3d  # slow to import

    model = SwinTransformer3d(
        patch_size=list(patch_size),
        embed_dim=embed_dim,
        depths=list(depths),
        num_heads=list(num_heads),
        window_size=list(window_size),
        stochastic_depth_prob=stochastic_depth_prob,
        num_classes=head_num_classes,
        **kwargs,
    )
    model.register_forward_pre_hook(_check_clip)
    if head is None:
        model.head = nn.Identity()
    elif head is not nn.Linear:
        model.head = head(model.num_features, head_num_classes)
    return model


def _check_clip(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Refuse in words what torchvision's patch embedding, of clips in colour, cannot take."""
    if not isinstance(inputs[0], Tensor):
        raise TypeError(
            f"the input is a {type(inputs[0]).__name__}; expected one tensor, (B, 3, T, H, W): "
            "this network has one pathway."
        )
    shape = tuple(inputs[0].shape)
    if len(shape) != 5 or shape[1] != 3:
        raise RuntimeError(f"the clip is {shape}; expected 3 channels: (B, 3, T, H, W).")
