"""What evaluation says of a model: bits per byte, perturbations, memorisation, calibration, attribution."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from trainer.attribution import attributed, memorised, ngram_hashes, pieces
from trainer.command import evaluate as evaluate_command
from trainer.evaluate import calibration, evaluate, held_out, load_model
from trainer.model import ModelConfig, Transformer
from trainer.perturbing import HOMOGLYPHS, PERTURBATIONS, generator
from trainer.presets import Choices, preset_config
from trainer.scoring import Scored, continuations, score
from trainer.shards import Shards, open_shards
from trainer.train import train

pytestmark = pytest.mark.slow

TEXT = "The quick brown fox jumps over the lazy dog, and once more over the river. " * 4


@pytest.fixture(scope="module")
def trained(trained_on: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    shards, output = open_shards(trained_on), tmp_path_factory.mktemp("trained") / "out"
    train(shards, preset_config("tiny", shards.manifest, Choices(epochs=4)), output, tell=lambda _text: None)
    return output


def small(seed: int = 0) -> Transformer:
    config = ModelConfig(vocab_size=50, dim=32, num_layers=1, num_heads=4, num_kv_heads=2, ffn_dim=64, init_std=0.3)
    return Transformer(config, seed=seed).eval()


def test_each_token_but_the_first_is_scored_once_whatever_is_scored_beside_it():
    draw = np.random.default_rng(1)
    sequences = [draw.integers(0, 50, size) for size in (1, 2, 7, 30, 31)]
    together = score(small(), sequences, length=8)
    assert [len(each.loss_N) for each in together] == [0, 1, 6, 29, 30]
    for sequence, found in zip(sequences, together, strict=True):
        alone = score(small(), [sequence], length=8)[0]
        np.testing.assert_allclose(found.loss_N, alone.loss_N, rtol=1e-4)


def test_an_untrained_models_bits_are_those_of_a_uniform_guess():
    model = small()
    with torch.no_grad():
        model.head.weight.zero_()
    found = score(model, [np.arange(20)], length=8)[0]
    np.testing.assert_allclose(found.loss_N, math.log(50), rtol=1e-5)


def test_slices_of_an_axis_add_up_to_all(trained_on: Path, trained: Path):
    documents = held_out(trained_on.parents[1], most=100)
    model, step = load_model(trained)
    found = evaluate(model, open_shards(trained_on), documents, step=step, seed=1)
    everything = next(each for each in found.slices if each.axis == "all")
    for axis in ("source", "language", "month"):
        slices = [each for each in found.slices if each.axis == axis]
        assert sum(each.bytes for each in slices) == everything.bytes
        bits = sum(each.bytes * each.bits_per_byte for each in slices)
        assert bits / everything.bytes == pytest.approx(everything.bits_per_byte)
    assert 0 < everything.bits_per_byte < 8, "fewer bits than the bytes have"
    rise = {each.name: each.rise for each in found.perturbed}
    assert set(rise) == {*PERTURBATIONS, "distractor prefix"}
    assert rise["homoglyphs"] > 0.1, "letters that the model never saw in such words"
    again = evaluate(model, open_shards(trained_on), documents, step=step, seed=1)
    assert again == found, "the same seed draws the same perturbations"


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
def test_a_perturbation_changes_a_text_by_its_seed_and_keeps_what_it_should(name: str):
    change = PERTURBATIONS[name]
    first, second = (change(TEXT, generator(seed, b"document", name)) for seed in (1, 1))
    assert first == second
    assert first != TEXT
    kept = {
        "typos": sorted,
        "case": str.lower,
        "white space": str.split,
        "word order": lambda text: sorted(text.split(" ")),
        "homoglyphs": lambda text: text.translate(HOMOGLYPHS),
    }[name]
    assert kept(first) == kept(TEXT)


def test_memorised_beginnings_are_those_that_greedy_decoding_gives(shards: Shards):
    model = preset_model(shards)
    found = memorised(model, shards, prompt=3, continued=2)
    starts = [tokens[:5] for _, is_rest, tokens in pieces(shards) if not is_rest and len(tokens) >= 5]
    assert sum(each.copies * each.tried for each in found) == len(starts)
    prompts = np.array(starts)
    exact = {
        tuple(start)
        for start, goes_on in zip(prompts, continuations(model, prompts[:, :3], 2), strict=True)
        if (goes_on == start[3:]).all()
    }
    assert sum(each.exact for each in found) == len(exact)


def preset_model(shards: Shards) -> Transformer:
    return Transformer(preset_config("tiny", shards.manifest, Choices()).model).eval()


def test_a_training_document_explains_itself(shards: Shards):
    doc_id, _, tokens = max(pieces(shards), key=lambda piece: len(piece[2]))
    unseen = np.arange(40) % 7 + 250
    losses = [np.ones(len(tokens) - 1), np.ones(39)]
    known, unknown = attributed(shards, [tokens, unseen], losses)
    assert known.nearest[0][0] == doc_id
    assert known.nearest[0][1] >= len(np.unique(ngram_hashes(tokens, 6))), "its other pieces share some too"
    assert (known.num_seen, known.num_unseen) == (len(tokens) - 5, 4), "all but those before the first n-gram's end"
    assert (unknown.num_seen, unknown.loss_seen, unknown.nearest) == (0, None, ())


def test_calibration_compares_confidence_with_how_often_it_is_right():
    scored = Scored(
        loss_N=np.zeros(4),
        confidence_N=np.array([0.95, 0.97, 0.21, 1.0]),
        is_right_N=np.array([True, False, False, True]),
    )
    low, high = calibration([scored])
    assert (low.tokens, low.confidence, low.right) == (1, 0.21, 0.0)
    assert (high.tokens, high.confidence, high.right) == (3, pytest.approx(2.92 / 3), pytest.approx(2 / 3))


def test_the_command_writes_tables_as_json_and_as_a_page(trained_on: Path, trained: Path):
    run = trained_on.parents[1]
    told = CliRunner().invoke(evaluate_command, [str(run), str(trained)], catch_exceptions=False)
    assert told.stdout.strip() == str(trained / "eval.html")
    found = json.loads((trained / "eval.json").read_text())
    page = (trained / "eval.html").read_text()
    assert f"{found['slices'][0]['bits_per_byte']:.3f}" in page
    assert "Content-Security-Policy" in page
    assert "<script" not in page
