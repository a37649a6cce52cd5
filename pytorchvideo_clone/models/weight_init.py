"""How the weights of a new model are drawn."""

from torch import nn

from pytorchvideo_clone.layers.positional_encoding import (
    SpatioTemporalClsPositionalEncoding as SpatioTemporalClsPositionalEncoding,
)

__all__ = ["init_net_weights"]

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def init_net_weights(model: nn.Module, init_std: float = 0.01, style: str = "resnet") -> None:
    """Draw the weights of `model`, in place.

    Style "resnet": 2D and 3D convolutions from He's normal distribution by the number of outputs,
    linear layers from a normal distribution, biases 0. Norms begin at weight 1 and bias 0, save
    that those marked `block_final_bn` begin at weight 0: each residual block is an identity then.
    Style "vit": linear layers and positional parameters from a truncated normal distribution,
    biases 0, layer norms at weight 1 and bias 0.

    Args:
        model: the module whose parameters are drawn.
        init_std: standard deviation of the linear layers.
        style: "resnet" or "vit".

    Raises:
        NotImplementedError: if `style` is another.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, https://arxiv.org/abs/1502.01852;
    Goyal et al., "Accurate, Large Minibatch SGD", 2017, https://arxiv.org/abs/1706.02677.

    >>> linear = nn.Linear(3, 2)
    >>> init_net_weights(linear)
    >>> linear.bias.tolist()
    [0.0, 0.0]
    """
    if style not in STYLES:
        raise NotImplementedError(f"style is {style!r}; expected one of {sorted(STYLES)}.")
    STYLES[style](model, init_std)


def _init_resnet_weights(model: nn.Module, init_std: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, NORMS):
            if module.weight is not None:
                nn.init.constant_(
                    module.weight, float(not getattr(module, "block_final_bn", False))
                )
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            if getattr(module, "xavier_init", False):
                nn.init.kaiming_uniform_(module.weight, a=1)
            else:
                nn.init.normal_(module.weight, std=init_std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _init_vit_weights(model: nn.Module, init_std: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=init_std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    for name, parameter in model.named_parameters():
        if "pos_embed" in name or "rel_pos" in name or name.endswith("cls_token"):
            nn.init.trunc_normal_(parameter, std=init_std)


STYLES = {"resnet": _init_resnet_weights, "vit": _init_vit_weights}
