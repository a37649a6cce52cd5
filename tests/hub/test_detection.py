import torch

from pytorchvideo_clone.hub import slow_r50_detection, slowfast_r50_detection

BOXES = torch.tensor([[0, 4.0, 6.0, 40.0, 50.0], [0, 10.5, 0.0, 63.0, 33.25]])


def test_scores_are_probabilities_of_each_class_in_each_box() -> None:
    model = slow_r50_detection().eval()
    with torch.no_grad():
        scores = model(torch.randn(1, 3, 4, 64, 64), BOXES)
    assert scores.shape == (2, 80)
    assert ((scores > 0) & (scores < 1)).all()


def test_one_clip_is_packed_for_both_pathways() -> None:
    model = slowfast_r50_detection(num_classes=5).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 32, 64, 64), BOXES).shape == (2, 5)
