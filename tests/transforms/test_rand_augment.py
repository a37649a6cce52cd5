import torch

from pytorchvideo_clone.transforms import RandAugment
from pytorchvideo_clone.transforms.functional import OPERATIONS


def still(frames: int = 3) -> torch.Tensor:
    return torch.rand(1, 3, 10, 12).expand(frames, -1, -1, -1).contiguous()


def test_all_frames_change_alike():
    augment = RandAugment(prob=1.0, num_layers=4)
    for seed in range(10):
        torch.manual_seed(seed)
        out = augment(still())
        torch.testing.assert_close(out, out[:1].expand_as(out))


def test_the_operations_of_a_draw_are_different_and_all_are_drawn(monkeypatch):
    calls: list[str] = []
    for name in OPERATIONS:
        monkeypatch.setitem(
            OPERATIONS, name, lambda x, *a, fill, name=name: (calls.append(name), x)[1]
        )
    augment, drawn = RandAugment(prob=1.0, num_layers=3), set()
    for _ in range(60):
        calls.clear()
        augment(still(1))
        assert len(calls) == len(set(calls)) == 3
        drawn |= set(calls)
    assert drawn == OPERATIONS.keys()


def test_each_drawn_operation_happens_with_its_probability(monkeypatch):
    calls: list[str] = []
    for name in OPERATIONS:
        monkeypatch.setitem(
            OPERATIONS, name, lambda x, *a, fill, name=name: (calls.append(name), x)[1]
        )
    augment = RandAugment(prob=0.25, num_layers=4, generator=torch.Generator().manual_seed(0))
    for _ in range(100):
        augment(still(1))
    assert 70 < len(calls) < 130


def test_uniform_levels_start_where_asked():
    augment = RandAugment(
        5, sampling_type="uniform", sampling_hparas={"sampling_min": 5}, prob=1.0, num_layers=14
    )
    assert augment(still()).shape == (3, 3, 10, 12)
    levels = {abs(operation.draw_level()) for operation in augment._sampler.transforms_list}
    assert levels == {5}
