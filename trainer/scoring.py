"""Losses of token sequences under a model, each token predicted once, and greedy continuations of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import nll_loss

from trainer.batch import IGNORE
from trainer.model import Transformer

ROWS = 16
"""Sequences that go through the model at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The tokens of a sequence but for its first: loss in nats, probability of the likeliest, whether that is right."""

    loss_N: NDArray[np.float64]
    confidence_N: NDArray[np.float64]
    is_right_N: NDArray[np.bool_]


def score(model: Transformer, sequences: Sequence[NDArray[np.int64]], *, length: int) -> list[Scored]:
    """Returns the losses of each sequence; long ones in rows of `length` that share a token, as in training."""
    rows = [
        (number, sequence[at : at + length + 1])
        for number, sequence in enumerate(sequences)
        for at in range(0, max(len(sequence) - 1, 1), length)
    ]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place][1]))
    parts: list[NDArray[np.float64]] = [np.zeros((3, 0))] * len(rows)
    for at in range(0, len(order), ROWS):
        places = order[at : at + ROWS]
        for place, part in zip(places, _score_rows(model, [rows[place][1] for place in places]), strict=True):
            parts[place] = part
    whole: list[list[NDArray[np.float64]]] = [[] for _ in sequences]
    for (number, _), part in zip(rows, parts, strict=True):
        whole[number].append(part)
    found = [np.concatenate(of_one, axis=1) for of_one in whole]
    return [Scored(loss_N=each[0], confidence_N=each[1], is_right_N=each[2] > 0) for each in found]


def _score_rows(model: Transformer, rows: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float64]]:
    """Returns (3, N - 1) for each row: losses, confidences, rightness."""
    tokens = torch.zeros(len(rows), max(2, *map(len, rows)), dtype=torch.long)
    segments = torch.full(tokens.shape, -1)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = torch.from_numpy(row)
        segments[number, : len(row)] = 0
    logits = _logits(model, tokens[:, :-1], segments[:, :-1])
    labels = torch.where(segments[:, 1:] < 0, IGNORE, tokens[:, 1:]).to(logits.device)
    log_probabilities = logits.float().log_softmax(-1)
    losses = nll_loss(log_probabilities.flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="none")
    likeliest = log_probabilities.max(-1)
    told = torch.stack((losses.view_as(labels), likeliest.values.exp(), (likeliest.indices == labels).float()))
    return [told[:, number, : len(row) - 1].double().cpu().numpy() for number, row in enumerate(rows)]


def continuations(model: Transformer, prompts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Returns (P, count): the likeliest next tokens after each of `prompts` (P, L), one after another."""
    tokens = torch.from_numpy(prompts)
    for _ in range(count):
        logits = _logits(model, tokens, torch.zeros_like(tokens))
        tokens = torch.cat((tokens, logits[:, -1:].argmax(-1).cpu()), dim=1)
    found: NDArray[np.int64] = tokens[:, prompts.shape[1] :].numpy()
    return found


def _logits(model: Transformer, tokens: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
    device = model.embedding.weight.device
    positions = torch.arange(tokens.shape[1], device=device).expand(tokens.shape)
    with torch.no_grad():
        return model(tokens.to(device), segments.to(device), positions)[0]
