import pytest
import torch
import torch.nn.functional as F

from pytorchvideo_clone.losses.soft_target_cross_entropy import (
    SoftTargetCrossEntropyLoss,
    soft_target_cross_entropy,
)

SCORES = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([1, 0, 5, 1])


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("ignore_index", [-100, 1])
def test_labels_give_the_cross_entropy_of_torch(reduction: str, ignore_index: int) -> None:
    loss = SoftTargetCrossEntropyLoss(ignore_index=ignore_index, reduction=reduction)
    expected = F.cross_entropy(SCORES, LABELS, ignore_index=ignore_index, reduction=reduction)
    torch.testing.assert_close(loss(SCORES, LABELS), expected)
    torch.testing.assert_close(loss(SCORES, F.one_hot(LABELS, 6)), expected)


def test_labels_outside_the_classes_can_be_ignored() -> None:
    labels = torch.tensor([1, -100, 5, -100])
    expected = F.cross_entropy(SCORES, labels)
    torch.testing.assert_close(soft_target_cross_entropy(SCORES, labels), expected)


def test_soft_targets_are_scaled_to_sum_one_unless_told_otherwise() -> None:
    target = torch.rand(4, 6, generator=torch.Generator().manual_seed(1))
    scaled = soft_target_cross_entropy(SCORES, 3 * target)
    torch.testing.assert_close(scaled, F.cross_entropy(SCORES, target / target.sum(1, True)))
    as_given = soft_target_cross_entropy(SCORES, 3 * target, normalize_targets=False)
    torch.testing.assert_close(as_given, F.cross_entropy(SCORES, 3 * target))


def test_rows_with_any_weight_on_the_ignored_class_do_not_count() -> None:
    target = torch.tensor([[0.0, 0.3, 0, 0, 0, 0.7], [0.5, 0.5, 0, 0, 0, 0]])
    losses = soft_target_cross_entropy(SCORES[:2], target, ignore_index=0, reduction="none")
    assert losses[1] == 0
    mean = soft_target_cross_entropy(SCORES[:2], target, ignore_index=0)
    torch.testing.assert_close(mean, F.cross_entropy(SCORES[:1], target[:1]))


def test_nothing_that_counts_is_a_loss_of_zero_with_a_gradient() -> None:
    scores = SCORES.clone().requires_grad_()
    loss = soft_target_cross_entropy(scores, torch.full((4,), 2), ignore_index=2)
    loss.backward()
    assert loss == 0
    assert scores.grad is not None
    assert torch.equal(scores.grad, torch.zeros(4, 6))


def test_bfloat16_scores_give_a_finite_loss_and_targets_stay_as_they_were() -> None:
    target = F.one_hot(LABELS, 6).float() * 2
    loss = soft_target_cross_entropy(SCORES.bfloat16(), target)
    torch.testing.assert_close(
        loss.float(), F.cross_entropy(SCORES, LABELS), rtol=0.02, atol=0.0
    )  # bfloat16 has 8 bits
    assert torch.equal(target, F.one_hot(LABELS, 6).float() * 2)


def test_wrong_shapes_and_reductions_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"\(4, 5\); expected the input's \(4, 6\)"):
        soft_target_cross_entropy(SCORES, torch.ones(4, 5))
    with pytest.raises(AssertionError, match=r"\(3,\); expected"):
        soft_target_cross_entropy(SCORES, LABELS[:3])
    with pytest.raises(NotImplementedError, match="'sum'; expected 'mean' or 'none'"):
        SoftTargetCrossEntropyLoss(reduction="sum")  # type: ignore[arg-type]
