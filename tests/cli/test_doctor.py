from pytorchvideo_clone.cli import main


def test_doctor_names_every_part_and_how_to_get_it(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    main(["doctor"])
    shown = capsys.readouterr().out
    for part in ("av", "torchcodec", "decord", "onnxruntime", "lightning", "FFmpeg"):
        assert part in shown
    line = next(line for line in shown.splitlines() if " executorch " in line)
    assert "loads: 1." in line or "is not installed" in line
