"""What `accelerator.py` measures against: PyTorchVideo's models, with weights that show errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.hub import create_model

# Model -> clips (C, T, H, W) of its pathways.
SHAPES = {
    "x3d_xs": [(3, 4, 160, 160)],
    "x3d_s": [(3, 13, 160, 160)],
    "x3d_m": [(3, 16, 224, 224)],
    "x3d_l": [(3, 16, 312, 312)],
    "slow_r50": [(3, 8, 224, 224)],
    "slowfast_r50": [(3, 8, 224, 224), (3, 32, 224, 224)],
    "r2plus1d_r50": [(3, 16, 224, 224)],
    "csn_r101": [(3, 32, 224, 224)],
    "mvit_base_16x4": [(3, 16, 224, 224)],
}

Form = Callable[..., Any]


class Subject:
    """A vanilla model, ours with its weights, and their input."""

    def __init__(self, name: str, batch: int, folder: Path) -> None:
        from pytorchvideo.models import hub

        self.name, self.folder = name, folder
        self.clips = self.draw(batch, seed=0)
        self.input: Any = self.clips if len(self.clips) > 1 else self.clips[0]
        torch.manual_seed(0)
        self.vanilla = without_softmax(getattr(hub, name)(pretrained=False)).eval()
        fit_norms(self.vanilla, self.input)
        self.ours = without_softmax(create_model(name)).eval()
        self.ours.load_state_dict(self.vanilla.state_dict())
        with torch.no_grad():
            self.expected = self.vanilla(fresh(self.input))

    def draw(self, batch: int, seed: int) -> list[Tensor]:
        """Random clips, one a pathway."""
        draw = torch.Generator().manual_seed(seed)
        return [torch.randn((batch, *shape), generator=draw) for shape in SHAPES[self.name]]

    def calibration(self) -> list[Any]:
        """Eight random inputs."""
        return [self.draw(len(self.clips[0]), seed)[0] for seed in range(100, 108)]


def without_softmax(model: nn.Module) -> nn.Module:
    """Give scores, of which differences show; some models of version 0.1.5 have a softmax."""
    for parent in model.modules():
        for name, part in parent.named_children():
            if isinstance(part, nn.Softmax):
                setattr(parent, name, nn.Identity())
    return model


def fit_norms(model: nn.Module, clips: Any) -> None:
    """Give norms the statistics of the clips, and random weights around 1."""
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm3d | nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.6, 1.4)
        nn.init.normal_(norm.bias, 0, 0.2)
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        model(fresh(clips))
    for norm in norms:
        norm.eval()
        norm.running_var.mul_(torch.empty_like(norm.running_var).uniform_(0.8, 1.25)).add_(1e-3)
    for part in model.modules():
        if isinstance(part, nn.LayerNorm):
            nn.init.normal_(part.weight, 1.0, 0.1)
        if isinstance(part, nn.Linear) and part.weight.std() < 0.03:
            nn.init.normal_(part.weight, 0, 0.05)


def fresh(x: Any) -> Any:
    """PyTorchVideo's SlowFast writes into its list, so it gets a copy."""
    return list(x) if isinstance(x, list) else x


def without_onednn(model: nn.Module) -> Form:
    """Run a model with torch's own kernels."""

    def run(x: Any) -> Any:
        with torch.backends.mkldnn.flags(enabled=False):
            return model(x)

    return run


def deployable(subject: Subject, dtype: str) -> Form:
    """PyTorchVideo's X3D of efficient blocks in its deployable form, traced, as it shows it."""
    from pytorchvideo.accelerator.deployment.mobile_cpu.utils import model_conversion
    from pytorchvideo.models.accelerator.mobile_cpu.efficient_x3d import create_x3d

    clip = subject.clips[0]
    model = create_x3d(expansion=subject.name.removeprefix("x3d_").upper()).eval()
    fit_norms(model, clip)
    convert = model_conversion.convert_to_deployable_form
    if dtype == "fp32":
        traced = torch.jit.trace(convert(model, clip), clip, check_trace=False)
        return torch.jit.freeze(traced.eval())
    from torch.ao import quantization

    torch.backends.quantized.engine = "qnnpack"
    form = convert(model, clip, convert_for_quantize=True, native_conv3d_op_qnnpack=False)
    form = quantization.QuantWrapper(form).eval()
    form.qconfig = quantization.get_default_qconfig("qnnpack")
    quantization.prepare(form, inplace=True)
    for x in subject.calibration():
        form(x)
    quantization.convert(form, inplace=True)
    return torch.jit.trace(form, clip, check_trace=False)
