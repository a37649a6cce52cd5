"""What holds for every public transform: a new one needs an entry in `entries.py`, and no test."""

import copy
import functools
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torchvision import tv_tensors

from pytorchvideo_clone import transforms as T
from pytorchvideo_clone.transforms import functional
from tests.transforms.entries import ANY, ENTRIES, INPUTS

SHAPES = [(1, 9, 9), (5, 7, 11), (8, 13, 6)]  # (T, H, W): one frame, odd, not square
NO_TRANSFORMS = {"preview"}  # what else the package has

RANDOM = [name for name, entry in ENTRIES.items() if entry.random]
CASES = [
    pytest.param(name, taken, given, id=f"{name}-{str(taken).removeprefix('torch.')}")
    for name, entry in ENTRIES.items()
    for taken, given in entry.types
]


def make(name: str, seed: int | None = None) -> Any:
    """Make the transform of an entry; with a seed it draws from a generator of its own."""
    entry = ENTRIES[name]
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return entry.make(generator=generator) if entry.random else entry.make()


def arguments(name: str, size: tuple[int, int, int] = (4, 12, 15)) -> tuple[Any, ...]:
    entry = ENTRIES[name]
    return INPUTS[entry.takes](*size, entry.types[0][0])


def leaves(value: Any) -> list[Any]:
    """All that a result holds, in its order."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in [key, *leaves(value[key])]]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]


def same(first: Any, second: Any) -> bool:
    ours, theirs = leaves(first), leaves(second)
    return len(ours) == len(theirs) and all(
        one.equal(other) if isinstance(one, torch.Tensor) else one == other
        for one, other in zip(ours, theirs, strict=True)
    )


def video_of(result: Any) -> torch.Tensor:
    while not isinstance(result, torch.Tensor):
        result = result["video"] if isinstance(result, dict) else result[0]
    return result


def run(transform: Any, name: str, seed: int | None = None) -> Any:
    if seed is not None:
        torch.manual_seed(seed)
    return transform(*arguments(name))


def outcomes(name: str, seeds: range) -> list[Any]:
    return [run(make(name, seed), name) for seed in seeds]


def test_every_public_transform_has_an_entry():
    assert set(T.__all__) - NO_TRANSFORMS == ENTRIES.keys()


@pytest.mark.parametrize("size", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "taken", "given"), CASES)
def test_the_input_stays_and_the_result_is_as_promised(name, taken, given, size):
    entry = ENTRIES[name]
    inputs = INPUTS[entry.takes](*size, taken)
    before = copy.deepcopy(inputs)
    for seed in range(3):
        result = make(name, seed)(*inputs)
        assert same(inputs, before)
        video, shape = video_of(result), entry.shape(*size)
        assert len(video.shape) == len(shape)
        assert all(want in (got, ANY) for got, want in zip(video.shape, shape, strict=True))
        assert video.dtype == given


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ENTRIES)
def test_the_device_stays(name):
    def move(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: move(one) for key, one in value.items()}
        return value.cuda() if isinstance(value, torch.Tensor) else value

    result = make(name)(*map(move, arguments(name)))
    assert video_of(result).device.type == "cuda"


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_gives_the_same_again_and_other_seeds_something_else(name):
    first = outcomes(name, range(12))
    assert all(same(*pair) for pair in zip(first, outcomes(name, range(12)), strict=True))
    assert any(not same(first[0], other) for other in first[1:])


@pytest.mark.parametrize("name", RANDOM)
def test_torchs_own_generator_counts_where_none_is_given_and_only_there(name):
    transform = make(name)
    first = [run(transform, name, seed) for seed in range(6)]
    again = [run(transform, name, seed) for seed in range(6)]
    assert all(same(*pair) for pair in zip(first, again, strict=True))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    run(make(name, seed=1), name)
    assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize("name", sorted(ENTRIES.keys() - set(RANDOM)))
def test_without_chance_every_call_gives_the_same(name):
    assert same(run(make(name), name, 0), run(make(name), name, 1))


@pytest.mark.parametrize("name", ENTRIES)
def test_transforms_are_pickled_for_workers(name):
    transform = make(name, seed=3)
    twin = pickle.loads(pickle.dumps(transform))
    for _ in range(3):
        assert same(run(transform, name), run(twin, name))


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_printed_makes_the_same_transform(name):
    transform = make(name)
    text = repr(transform)
    if name == "create_video_transform":  # torch prints a chain over several lines
        text = f"Sequential({', '.join(map(repr, transform))})"
    names = {
        **vars(T),
        "Sequential": torch.nn.Sequential,
        "abs": torch.abs,
        "neg": torch.neg,
        "partial": functools.partial,
    }
    twin = eval(text, names)
    assert repr(twin) == repr(transform)
    for seed in range(3):
        assert same(run(transform, name, seed), run(twin, name, seed))


@pytest.mark.parametrize(
    "name", [name for name, entry in ENTRIES.items() if entry.takes in ("sample", "batch of 1")]
)
def test_annotations_that_are_none_stay_none(name):
    (inputs,) = arguments(name)
    inputs = {**inputs, "boxes": None, "label": None}
    for seed in range(5):
        result = make(name, seed)(inputs)
        assert result["boxes"] is None
        assert result.get("label") is None


@pytest.mark.parametrize(
    "name",
    [name for name, entry in ENTRIES.items() if entry.takes in ("clip", "frames", "sample")],
)
def test_tensors_with_a_meaning_are_tensors_like_others(name):
    def wrap(value: Any) -> Any:
        if isinstance(value, dict):
            boxes = tv_tensors.BoundingBoxes(value["boxes"], format="XYXY", canvas_size=(12, 15))
            return {**value, "video": tv_tensors.Video(value["video"]), "boxes": boxes}
        return tv_tensors.Video(value)

    inputs = arguments(name)
    expected = make(name, 2)(*inputs)
    assert same(make(name, 2)(*map(wrap, inputs)), expected)


def drawn(height: int = 40, width: int = 60) -> dict[str, Any]:
    """A black clip with a white rectangle, and its box."""
    video = torch.zeros(3, 2, height, width)
    video[..., 12:25, 20:41] = 1
    return {"video": video, "boxes": torch.tensor([[20.0, 12.0, 40.0, 24.0]]), "label": 0}


def in_batch(transform: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def call(one: dict[str, Any]) -> dict[str, Any]:
        boxes = torch.nn.functional.pad(one["boxes"], (1, 0))
        result = transform({"video": one["video"][None], "boxes": boxes})
        return {"video": result["video"][0], "boxes": result["boxes"][:, 1:]}

    return call


def both(function: Callable[..., Any], *settings: Any) -> Callable[[dict[str, Any]], Any]:
    """Make a transform of samples of a function (video, boxes, ...)."""

    def call(one: dict[str, Any]) -> dict[str, Any]:
        video, boxes = function(one["video"], one["boxes"], *settings)
        return {"video": video, "boxes": boxes}

    return call


VIEW = {"mean": None, "std": None}
# Whatever moves pixels and boxes together.
MOVING = {
    "short_side": both(functional.short_side_scale_with_boxes, 23),
    "random_short_side": both(functional.random_short_side_scale_with_boxes, 20, 70),
    "uniform_crop": both(lambda v, b: functional.uniform_crop_with_boxes(v, 30, 2, b)),
    "random_crop": both(lambda v, b: functional.random_crop_with_boxes(v, 33, b)),
    "flip": both(lambda v, b: functional.horizontal_flip_with_boxes(0.5, v, b)),
    "LabelAwareFlip": T.LabelAwareFlip({}),
    "ClipTransform/short side": T.ClipTransform(30, short_side=(30, 60), **VIEW),
    "ClipTransform/scale": T.ClipTransform((20, 50), scale=(0.3, 1.0), **VIEW),
    "BatchTransform": in_batch(T.BatchTransform(25, scale=(0.3, 1.0), **VIEW)),
}


@pytest.mark.parametrize("name", MOVING)
def test_boxes_move_as_pixels_do(name):
    for seed in range(20):
        torch.manual_seed(seed)
        result = MOVING[name](drawn())
        video, (box,) = result["video"], result["boxes"].tolist()
        rows, columns = torch.where(video[0, 0] > 0.5)
        height, width = video.shape[-2:]
        assert 0 <= box[0] <= box[2] <= width - 1
        assert 0 <= box[1] <= box[3] <= height - 1
        if len(rows) == 0:
            continue
        # Interpolation blurs the edge, and boxes name pixels where a length counts them: where a
        # clip grows, an edge may be off by as much as a pixel becomes, and one more.
        slack = 1 + max(height / 40, width / 60, 1)
        edges = [columns.min(), rows.min(), columns.max(), rows.max()]
        assert max(abs(float(edge) - side) for edge, side in zip(edges, box, strict=True)) <= slack


@pytest.mark.parametrize("name", ["short_side", "random_crop", "flip", "uniform_crop"])
def test_functions_pass_boxes_that_are_none(name):
    one = drawn()
    assert MOVING[name]({**one, "boxes": None})["boxes"] is None
