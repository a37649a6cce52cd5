"""MixUp and CutMix of batches: clips, labels and sound mixed in the same proportion.

A module is called as mix(x_video, labels, x_audio=None) and gives (video, labels), or
(video, audio, labels) if there is sound.
"""

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform
from pytorchvideo_clone.transforms.functional import convert_to_one_hot as convert_to_one_hot

__all__ = ["CutMix", "MixUp", "MixVideo"]

Mixed = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]


class _Mix(Transform):
    """Settings and checks that `MixUp` and `CutMix` share."""

    def __init__(
        self,
        alpha: float = 1.0,
        label_smoothing: float = 0.0,
        num_classes: int = 400,
        one_hot: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if alpha <= 0:
            raise ValueError(f"alpha is {alpha}; it must be greater than 0.")
        self.alpha = alpha
        self.label_smoothing = label_smoothing
        self.num_classes = num_classes
        self.one_hot = one_hot
        self.generator = generator

    def _check(self, x_video: Tensor, labels: Tensor) -> None:
        if len(x_video) < 2:
            raise AssertionError(
                f"{type(self).__name__} got {len(x_video)} clip; it needs at least two: pass "
                "drop_last=True to the loader."
            )
        if len(labels) != len(x_video):
            raise AssertionError(
                f"There are {len(x_video)} clips and {len(labels)} labels; each needs one."
            )
        if labels.dim() != 1 + self.one_hot:
            raise ValueError(
                f"The labels have shape {tuple(labels.shape)} and one_hot is {self.one_hot}; class "
                "numbers (B,) need False, rows of weights (B, K) need True."
            )

    def _finish(self, video: Tensor, labels: Tensor, audio: Tensor | None, weight: float) -> Mixed:
        """Mix labels and sound, `weight` of each and the rest of its partner."""
        if not self.one_hot:
            labels = functional.convert_to_one_hot(labels, self.num_classes, self.label_smoothing)
        labels = functional.mix_with_reversed(labels, weight)
        if audio is None:
            return video, labels
        return video, functional.mix_with_reversed(audio, weight), labels


class MixUp(_Mix):
    """Add to each clip of a batch, in a proportion drawn from Beta(alpha, alpha), another clip.

    Args:
        alpha: of the distribution, greater than 0.
        label_smoothing: as in `functional.convert_to_one_hot`.
        num_classes: K.
        one_hot: whether labels are rows of weights (B, K) already.
        generator: draws; None means torch's own.

    Raises:
        ValueError: if `alpha` is not positive.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
    https://arxiv.org/abs/1710.09412.

    >>> video, labels = MixUp(num_classes=5)(torch.rand(4, 3, 2, 8, 8), torch.tensor([0, 1, 2, 4]))
    >>> labels.shape, labels.sum(1)
    (torch.Size([4, 5]), tensor([1., 1., 1., 1.]))
    """

    def forward(self, x_video: Tensor, labels: Tensor, x_audio: Tensor | None = None) -> Mixed:
        """Mix a batch by one draw.

        Args:
            x_video: (B, C, T, H, W) or (B, C, H, W); bytes become float32.
            labels: (B,) class numbers, or (B, K) if `one_hot`.
            x_audio: (B, ...) or None.

        Raises:
            AssertionError: if there is one clip only, or another number of labels.
            ValueError: if labels are not what `one_hot` says.
        """
        self._check(x_video, labels)
        weight = functional.random_beta(self.alpha, self.generator)
        video = functional.mix_with_reversed(x_video, weight)
        return self._finish(video, labels, x_audio, weight)


class CutMix(_Mix):
    """Paste onto each clip of a batch a rectangle of another, the same in all frames.

    The rectangle's share of the area is drawn from Beta(alpha, alpha), its centre is anywhere;
    labels (and sound, as a whole) are mixed by the area that was really pasted.

    Args:
        alpha: of the distribution, greater than 0.
        label_smoothing: as in `functional.convert_to_one_hot`.
        num_classes: K.
        one_hot: whether labels are rows of weights (B, K) already.
        generator: draws; None means torch's own.

    Raises:
        ValueError: if `alpha` is not positive.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features", ICCV 2019, https://arxiv.org/abs/1905.04899.

    >>> video, labels = CutMix(num_classes=3)(torch.rand(2, 3, 2, 8, 8), torch.tensor([0, 2]))
    >>> video.shape, labels.shape
    (torch.Size([2, 3, 2, 8, 8]), torch.Size([2, 3]))
    """

    def forward(self, x_video: Tensor, labels: Tensor, x_audio: Tensor | None = None) -> Mixed:
        """Mix a batch by one draw.

        Args:
            x_video: (B, C, T, H, W) or (B, C, H, W), any type, which stays.
            labels: (B,) class numbers, or (B, K) if `one_hot`.
            x_audio: (B, ...) or None.

        Raises:
            AssertionError: if there is one clip only, or another number of labels.
            ValueError: if labels are not what `one_hot` says.
        """
        self._check(x_video, labels)
        height, width = x_video.shape[-2:]
        weight = functional.random_beta(self.alpha, self.generator)
        box = functional.random_cut(height, width, weight, self.generator)
        kept = 1.0 - box[2] * box[3] / (height * width)
        return self._finish(functional.cut_mix(x_video, box), labels, x_audio, kept)


class MixVideo(Transform):
    """Apply `CutMix` to a batch with a given probability, else `MixUp`.

    Args:
        cutmix_prob: the probability.
        mixup_alpha: as in `MixUp`.
        cutmix_alpha: as in `CutMix`.
        label_smoothing: as in `functional.convert_to_one_hot`.
        num_classes: K.
        one_hot: whether labels are rows of weights (B, K) already.
        generator: draws; None means torch's own.

    Raises:
        AssertionError: if `cutmix_prob` is no probability.
        ValueError: if an alpha is not positive.

    >>> mix = MixVideo(num_classes=3)
    >>> clips, sounds = torch.rand(2, 3, 2, 8, 8), torch.rand(2, 90)
    >>> video, audio, labels = mix(clips, torch.tensor([0, 2]), sounds)
    >>> audio.shape, labels.shape
    (torch.Size([2, 90]), torch.Size([2, 3]))
    """

    def __init__(
        self,
        cutmix_prob: float = 0.5,
        mixup_alpha: float = 1.0,
        cutmix_alpha: float = 1.0,
        label_smoothing: float = 0.0,
        num_classes: int = 400,
        one_hot: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= cutmix_prob <= 1:
            raise AssertionError(f"cutmix_prob is {cutmix_prob}; a probability lies within [0, 1].")
        self.cutmix_prob = cutmix_prob
        self.mixup_alpha = mixup_alpha
        self.cutmix_alpha = cutmix_alpha
        self.label_smoothing = label_smoothing
        self.num_classes = num_classes
        self.one_hot = one_hot
        self.generator = generator
        settings = (label_smoothing, num_classes, one_hot, generator)
        self._mix_up = MixUp(mixup_alpha, *settings)
        self._cut_mix = CutMix(cutmix_alpha, *settings)

    def forward(self, x_video: Tensor, labels: Tensor, x_audio: Tensor | None = None) -> Mixed:
        """Mix a batch as the drawn one of the two does."""
        cut = functional.happens(self.cutmix_prob, self.generator)
        return (self._cut_mix if cut else self._mix_up)(x_video, labels, x_audio)
