import copy

import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.masked_multistream import (
    LSTM,
    LearnMaskedDefault,
    MaskedMultiPathWay,
    MaskedSequential,
    MaskedTemporalPooling,
    TransposeMultiheadAttention,
    TransposeTransformerEncoder,
)

MASK = torch.tensor([[True, False, True, False], [False, True, True, True], [False] * 4])
PARTS = {
    "max": lambda: MaskedTemporalPooling("max"),
    "avg": lambda: MaskedTemporalPooling("avg"),
    "sum": lambda: MaskedTemporalPooling("sum"),
    "attention": lambda: TransposeMultiheadAttention(6, num_heads=2),
    "lstm": lambda: LSTM(6, 5),
    "transformer": lambda: TransposeTransformerEncoder(6, num_heads=2),
    "sequential": lambda: MaskedSequential(
        nn.Linear(6, 6),
        TransposeMultiheadAttention(6),
        MaskedTemporalPooling("max"),
        LearnMaskedDefault(6),
    ),
}


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("training", [True, False])
def test_neither_stream_nor_mask_is_written_into(
    name: str, training: bool, x: torch.Tensor
) -> None:
    stream, mask = x.clone(), MASK.clone()
    PARTS[name]().train(training)(stream, mask)
    assert torch.equal(stream, x)
    assert torch.equal(mask, MASK)


@pytest.mark.parametrize("name", PARTS)
def test_values_at_steps_that_are_not_valid_do_not_matter(name: str, x: torch.Tensor) -> None:
    part = PARTS[name]().eval()
    valid = MASK.clone()
    valid[:, 0] = True  # what stands for a stream without any step
    other = torch.where(valid.unsqueeze(-1), x, 1e3)
    kept = (slice(None), 0) if name == "attention" else slice(None)  # its other steps are queries
    torch.testing.assert_close(part(other, valid)[kept], part(x, valid)[kept])


@pytest.mark.parametrize("name", PARTS)
def test_no_mask_is_a_mask_of_all_steps(name: str, x: torch.Tensor) -> None:
    part = PARTS[name]().eval()
    if name == "sequential":
        part = part[:3]  # a learned default is about a mask
    everything = torch.ones(3, 4, dtype=torch.bool)
    torch.testing.assert_close(part(x), part(x, everything))


@pytest.mark.parametrize("name", PARTS)
def test_streams_without_any_step_stay_finite_and_trainable(name: str, x: torch.Tensor) -> None:
    part = PARTS[name]()
    stream = x.requires_grad_()
    part(stream, MASK).square().sum().backward()
    assert stream.grad is not None
    assert stream.grad.isfinite().all()
    assert all(
        weight.grad is not None and weight.grad.isfinite().all() for weight in part.parameters()
    )


@pytest.mark.parametrize("name", [name for name in PARTS if name != "lstm"])
def test_parts_export_without_graph_breaks(name: str, x: torch.Tensor) -> None:
    part = PARTS[name]().eval()
    exported = torch.export.export(part, (x, MASK))
    torch.testing.assert_close(exported.module()(x, MASK), part(x, MASK))


@pytest.mark.parametrize("name", PARTS)
def test_parts_copy_after_a_call(name: str, x: torch.Tensor) -> None:
    part = PARTS[name]().eval()
    expected = part(x, MASK)
    torch.testing.assert_close(copy.deepcopy(part)(x, MASK), expected)


def test_pooling_takes_the_valid_steps_wherever_they_are(x: torch.Tensor) -> None:
    steps = x[0, [0, 2]]
    for method, expected in (("max", steps.amax(0)), ("avg", steps.mean(0)), ("sum", steps.sum(0))):
        pooled = MaskedTemporalPooling(method)(x, MASK)
        torch.testing.assert_close(pooled[0], expected)
        assert torch.equal(pooled[2], torch.zeros(6))


def test_lstm_reads_the_valid_steps_wherever_they_are(x: torch.Tensor) -> None:
    lstm = LSTM(6, 5, bidirectional=True).eval()
    alone = lstm(x[:1, [0, 2]])
    torch.testing.assert_close(lstm(x, MASK)[:1], alone)


def test_lstm_drops_from_its_result_in_training_only(x: torch.Tensor) -> None:
    lstm = LSTM(6, 50, dropout=0.5)
    assert (lstm(x) == 0).any()
    assert not (lstm.eval()(x) == 0).any()


def test_attention_weights_are_those_of_the_last_call(x: torch.Tensor) -> None:
    attention = TransposeMultiheadAttention(6)
    assert attention.attention_weights is None
    attention(x, MASK)
    assert attention.attention_weights is not None
    torch.testing.assert_close(attention.attention_weights.sum(-1), torch.ones(3, 4))
    # Nothing looks at a step that is not valid, save the first.
    assert torch.equal(attention.attention_weights[:, 0] > 0, MASK | (torch.arange(4) == 0))


def test_after_attention_the_first_step_of_an_empty_stream_counts(x: torch.Tensor) -> None:
    default = LearnMaskedDefault(6)
    pool = MaskedTemporalPooling("sum")
    attention = TransposeMultiheadAttention(6)
    torch.testing.assert_close(
        MaskedSequential(pool, default)(x, MASK)[2], default._learned_defaults
    )
    attended = MaskedSequential(attention, pool, default)(x, MASK)
    torch.testing.assert_close(attended[2], attention(x, MASK)[2, 0])


def test_a_learned_default_can_be_frozen() -> None:
    assert not LearnMaskedDefault(3, freeze=True)._learned_defaults.requires_grad
    assert LearnMaskedDefault(3)._learned_defaults.requires_grad


def test_pathways_are_fused_or_given_as_a_list(x: torch.Tensor) -> None:
    class Cat(nn.Module):
        def forward(self, streams: list[torch.Tensor]) -> torch.Tensor:
            return torch.cat(streams, dim=-1)

    blocks = nn.ModuleList([MaskedTemporalPooling("avg"), nn.Linear(6, 2), None])
    streams = [(x, MASK), (x[:, 0], None), (x[:, 1], None)]
    listed = MaskedMultiPathWay(multipathway_blocks=blocks, multipathway_fusion=None)(streams)
    fused = MaskedMultiPathWay(multipathway_blocks=blocks, multipathway_fusion=Cat())(streams)
    assert [out.shape[-1] for out in listed] == [6, 2, 6]
    assert torch.equal(fused, torch.cat(listed, dim=-1))


def test_wrong_arguments_are_refused_with_what_was_expected(x: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="'median'; expected 'max', 'avg' or 'sum'"):
        MaskedTemporalPooling("median")
    with pytest.raises(ValueError, match="'ones'; expected 'gaussian' or 'zeros'"):
        LearnMaskedDefault(3, init_method="ones")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"torch.bool of \[3, 4\]"):
        MaskedTemporalPooling("avg")(x, torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"expected \(B, T, D\)"):
        LSTM(6, 5)(x[0])
    pathways = MaskedMultiPathWay(
        multipathway_blocks=nn.ModuleList([None]), multipathway_fusion=None
    )
    with pytest.raises(ValueError, match="2 streams; expected 1"):
        pathways([(x, None), (x, None)])
