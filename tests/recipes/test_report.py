import re
from pathlib import Path

import torch

from pytorchvideo_clone.recipes.evaluate import Evaluation
from pytorchvideo_clone.recipes.report import ReportExample, write_report


def test_report_is_one_file_with_everything_on_it(tmp_path: Path) -> None:
    names = ["jump", "run & <hide>"]
    evaluation = Evaluation(
        names, ["a", "b"], torch.tensor([0, 1]), torch.eye(2).double(), clips=1, crops=1
    )
    history = [
        {"epoch": n, "train_loss": 1 / n, "val_loss": 1, "train_top1": 0.5, "val_top1": n / 3}
        for n in (1, 2, 3)
    ]
    frames = torch.randint(256, (3, 5, 12, 16), dtype=torch.uint8)
    guesses = [{"class": names[1], "score": 0.75}, {"class": names[0], "score": 0.25}]
    page = write_report(
        tmp_path / "report.html",
        title="A title",
        facts={"top-1": "50 %"},
        history=history,
        evaluation=evaluation,
        examples=[ReportExample("clip.mp4", names[0], frames, guesses)],
    ).read_text()
    assert "<h1>A title</h1>" in page
    assert "run &amp; &lt;hide&gt;" in page
    assert "75.0 %" in page
    assert ">wrong<" in page
    sources = re.findall(r'(?:src|href)="([^"]{30})', page)
    assert [source.partition(";")[0] for source in sources] == [
        "data:image/png",
        "data:image/png",
        "data:image/jpeg",
    ]
    assert "http" not in page
