import pytest
import torch
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import collate_clips


def sample(number: int, boxes: int, size: int = 4):
    corners = torch.arange(4 * boxes).reshape(boxes, 4) + 100 * number
    return {
        "video": torch.full((3, 2, size, size), number),
        "boxes": corners.tolist() if number % 2 else corners,
        "labels": torch.full((boxes, 5), float(number)),
        "extra_info": [f"{number}.{box}" for box in range(boxes)],
        "label": number,
        "video_name": f"{number}.mp4",
    }


def test_boxes_carry_the_number_of_their_clip():
    samples = [sample(0, 2), sample(1, 0), sample(2, 1)]
    batch = collate_clips(samples, per_box=("labels",))
    assert batch["video"].shape == (3, 3, 2, 4, 4)
    assert batch["boxes"].tolist() == [
        [0, 0, 1, 2, 3],
        [0, 4, 5, 6, 7],
        [2, 200, 201, 202, 203],
    ]
    assert batch["boxes"].dtype == torch.float32
    assert batch["labels"][:, 0].tolist() == [0, 0, 2]
    assert batch["extra_info"] == [["0.0", "0.1"], [], ["2.0"]]
    assert batch["label"].tolist() == [0, 1, 2]
    assert batch["video_name"] == ["0.mp4", "1.mp4", "2.mp4"]


def test_no_boxes_at_all_are_an_empty_batch_of_boxes():
    assert collate_clips([sample(0, 0)], per_box=("labels",))["boxes"].shape == (0, 5)


def test_views_of_one_clip_stand_one_after_the_other():
    views = [[sample(0, 1), sample(1, 1)], [sample(2, 1), sample(3, 1)]]
    batch = collate_clips(views)
    assert batch["label"].tolist() == [0, 1, 2, 3]
    assert batch["boxes"][:, 0].tolist() == [0, 1, 2, 3]


def test_lists_within_lists_that_differ_stay_lists():
    samples = [{"labels": [[80, 12]], "times": [[1, 2]]}, {"labels": [[12]], "times": [[3, 4]]}]
    batch = collate_clips(samples)
    assert batch["labels"] == [[[80, 12]], [[12]]]
    assert [[time.tolist() for time in times] for times in batch["times"]] == [[[1, 3], [2, 4]]]


def test_several_clips_of_a_sample_are_stacked_one_by_one():
    samples = [{"video": [torch.zeros(3, 2, 4, 4), torch.ones(3, 2, 4, 4)]} for _ in range(5)]
    batch = collate_clips(samples)
    assert [video.shape for video in batch["video"]] == [(5, 3, 2, 4, 4)] * 2


def test_what_does_not_fit_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"'video' has sizes \(3, 2, 4, 4\) and \(3, 2, 6, 6\)"):
        collate_clips([sample(0, 1), sample(1, 1, size=6)])
    with pytest.raises(ValueError, match=r"samples 0 and 1 do not both have \['audio'\].*silence"):
        collate_clips([sample(0, 1), {**sample(1, 1), "audio": torch.zeros(4)}])
    wrong = {**sample(0, 2), "labels": torch.zeros(3, 5)}
    with pytest.raises(ValueError, match="sample 0 has 2 boxes, but 3 rows of 'labels'"):
        collate_clips([wrong], per_box=("labels",))


def test_a_loader_takes_it():
    samples = [{k: v for k, v in sample(n, n).items() if k != "labels"} for n in range(4)]
    loader = DataLoader(samples, batch_size=2, collate_fn=collate_clips)
    assert [len(batch["boxes"]) for batch in loader] == [1, 5]
