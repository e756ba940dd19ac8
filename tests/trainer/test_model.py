"""The transformer: documents of a row do not see each other, and experts share the work."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from tests.golden import check_golden
from trainer.attention import attend, bool_mask, flex_mask
from trainer.model import Experts, ModelConfig, Transformer, rope_tables, rotate
from trainer.parallel import clip_gradients
from trainer.schedule import Schedule
from trainer.train import token_losses

pytestmark = pytest.mark.slow

SMALL = ModelConfig(
    vocab_size=50,
    dim=32,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    ffn_dim=64,
    pattern=("sliding", "global"),
    window=3,
    init_std=0.3,
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def row(*lengths: int, padding: int = 0) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Segments and positions of one row of documents."""
    segments = [number for number, length in enumerate(lengths) for _ in range(length)] + [-1] * padding
    positions = [at for length in lengths for at in range(length)] + [0] * padding
    return torch.tensor([segments]), torch.tensor([positions])


def tokens(length: int, seed: int) -> "torch.Tensor":
    return torch.randint(0, 50, (1, length), generator=torch.Generator().manual_seed(seed))


def test_changing_the_first_document_leaves_the_logits_of_the_second_equal():
    model = Transformer(SMALL).eval()
    segments, positions = row(7, 9, padding=2)
    first = tokens(18, 1)
    second = first.clone()
    second[:, :7] = tokens(7, 2)
    with torch.no_grad():
        before, after = (model(each, segments, positions)[0] for each in (first, second))
    assert torch.equal(before[:, 7:16], after[:, 7:16]), "bit for bit"
    assert not torch.allclose(before[:, :7], after[:, :7])


def test_a_document_has_the_same_logits_alone_and_beside_others():
    model = Transformer(SMALL).eval()
    whole = tokens(16, 3)
    with torch.no_grad():
        packed = model(whole, *row(7, 9))[0]
        alone = model(whole[:, 7:], *row(9))[0]
    torch.testing.assert_close(packed[:, 7:], alone, rtol=1e-4, atol=1e-5)


def test_no_token_sees_a_later_one():
    model = Transformer(SMALL).eval()
    first = tokens(12, 4)
    second = first.clone()
    second[:, 8:] = tokens(4, 5)
    with torch.no_grad():
        before, after = (model(each, *row(12))[0] for each in (first, second))
    assert torch.equal(before[:, :8], after[:, :8])


def test_a_mask_is_what_its_definition_says():
    segments, _ = row(3, 4, padding=2)
    seen = bool_mask(segments, window=2)[0, 0]
    for query in range(9):
        for key in range(9):
            same = segments[0, query] == segments[0, key]
            assert seen[query, key] == (same and 0 <= query - key < 2)


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_reads_what_sdpa_reads(window: int | None):
    segments, _ = row(5, 8, padding=3)
    draw = torch.Generator().manual_seed(0)
    query = torch.randn(1, 4, 16, 8, generator=draw)
    key, value = torch.randn(2, 1, 2, 16, 8, generator=draw)
    with torch.no_grad():
        sdpa = attend(query, key, value, bool_mask(segments, window=window))
        flex = attend(query, key, value, flex_mask(segments, window=window))
    torch.testing.assert_close(flex, sdpa, rtol=1e-5, atol=1e-5)


def test_rotation_keeps_lengths_and_depends_on_the_distance_only():
    draw = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 8, generator=draw)

    def product(query_at: int, key_at: int) -> float:
        turned = [
            rotate(vector, rope_tables(torch.tensor([[at]]), head_dim=8, base=10_000.0))
            for vector, at in ((query, query_at), (key, key_at))
        ]
        assert turned[0].norm().item() == pytest.approx(query.norm().item(), rel=1e-5)
        return float((turned[0] * turned[1]).sum())

    assert product(5, 3) == pytest.approx(product(105, 103), rel=1e-3)
    assert product(5, 3) != pytest.approx(product(5, 4), rel=1e-3)


def test_a_tied_head_uses_the_weights_of_the_embedding():
    tied, untied = (Transformer(dataclasses.replace(SMALL, tied=value)) for value in (True, False))
    assert tied.head.weight is tied.embedding.weight
    assert untied.num_parameters() == tied.num_parameters() + 50 * 32


def test_the_same_seed_gives_the_same_weights():
    first, second, other = (Transformer(SMALL, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.head.weight, other.head.weight)


def test_losses_fall_as_they_always_have():
    golden = Path(__file__).parent / "golden" / "losses.json"
    model, schedule = Transformer(SMALL, seed=1), Schedule(peak=1e-2, total_steps=20, warmup_steps=2)
    optimizer = torch.optim.AdamW(model.parameters())
    segments, positions = row(7, 9)
    losses = []
    for step in range(20):
        optimizer.param_groups[0]["lr"] = schedule.rate(step)
        start = tokens(1, step)
        text = (start + 3 * torch.arange(17)) % 50  # each token is the one before plus three
        logits, _ = model(text[:, :-1], segments, positions)
        loss = token_losses(logits, text[:, 1:]).mean()
        optimizer.zero_grad()
        loss.backward()
        clip_gradients(model, 1.0)
        optimizer.step()
        losses.append(round(float(loss.detach()), 6))
    if "GRISTMILL_GOLDEN" in os.environ:
        check_golden(golden, losses)
    assert losses == pytest.approx(json.loads(golden.read_text()), rel=1e-3), "CPUs differ in their kernels"
    assert losses[-1] < losses[0] - 1, "the model learns"


def experts_of(**changed: object) -> tuple[Experts, ModelConfig]:
    config = dataclasses.replace(SMALL, num_experts=4, experts_per_token=2, **changed)
    model = Transformer(config)
    layer = model.blocks[0].ffn
    assert isinstance(layer, Experts)
    return layer, config


def oracle(layer: Experts, x: "torch.Tensor", capacity: int | None) -> tuple["torch.Tensor", int]:
    """One row, token by token: the definition."""
    used, out, dropped = [0] * len(layer.gate), torch.zeros_like(x), 0
    for at, token in enumerate(x):
        chance = torch.softmax(layer.router.weight @ token, 0)
        best = sorted(range(len(chance)), key=lambda expert: -float(chance[expert]))[: layer.top_k]
        for expert in best:
            if capacity is not None and used[expert] >= capacity:
                dropped += 1
                continue
            used[expert] += 1
            hidden = torch.nn.functional.silu(token @ layer.gate[expert]) * (token @ layer.up[expert])
            out[at] += chance[expert] / chance[best].sum() * (hidden @ layer.down[expert])
    return out, dropped


@pytest.mark.parametrize("factor", [None, 1.0, 0.5])
def test_experts_do_what_their_definition_says_and_count_what_they_drop(factor: float | None):
    layer, config = experts_of(capacity_factor=factor)
    x = torch.randn(2, 16, config.dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, told = layer(x, torch.ones(2, 16, dtype=torch.bool))
        wanted = [oracle(layer, each, None if factor is None else int(factor * 8)) for each in x]
    torch.testing.assert_close(found, torch.stack([out for out, _ in wanted]), rtol=1e-4, atol=1e-4)
    assert told[1].item() == sum(dropped for _, dropped in wanted)


def test_padding_takes_no_place_with_an_expert():
    layer, config = experts_of(capacity_factor=None)
    x = torch.randn(1, 8, config.dim, generator=torch.Generator().manual_seed(2))
    valid = torch.tensor([[True] * 5 + [False] * 3])
    with torch.no_grad():
        out, _ = layer(x, valid)
    assert not out[0, 5:].any()


def test_the_balance_loss_evens_out_experts_that_all_tokens_prefer_one_of():
    layer, config = experts_of(capacity_factor=None)
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(4, 32, config.dim, generator=draw) + 0.5
    with torch.no_grad():
        layer.router.weight.copy_(torch.randn(4, config.dim, generator=draw) * 0.05)
        layer.router.weight[0] += 0.3  # the first expert is everyone's first choice
    valid = torch.ones(4, 32, dtype=torch.bool)

    def largest_share() -> float:
        with torch.no_grad():
            chosen = (x @ layer.router.weight.T).topk(2, dim=-1).indices
        return float(torch.bincount(chosen.flatten(), minlength=4).max() / chosen.numel())

    before = largest_share()
    optimizer = torch.optim.AdamW([layer.router.weight], lr=0.02, weight_decay=0)
    for _ in range(60):
        optimizer.zero_grad()
        (layer(x, valid)[1][0] / valid.sum()).backward()
        optimizer.step()
    with torch.no_grad():
        after = float(layer(x, valid)[1][0] / valid.sum())
    assert before > 0.45, "half of all choices fall on one expert"
    assert largest_share() < 0.35, "an even share is a quarter"
    assert after == pytest.approx(1.0, abs=0.05), "its least value"


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected dim to be an even multiple of num_heads"):
        dataclasses.replace(SMALL, num_heads=5)
    with pytest.raises(ValueError, match="pattern: expected some of global, sliding, found"):
        dataclasses.replace(SMALL, pattern=("local",))
    with pytest.raises(ValueError, match="experts_per_token: expected 1 to num_experts = 2, found 3"):
        dataclasses.replace(SMALL, num_experts=2, experts_per_token=3)
