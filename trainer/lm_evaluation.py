"""A trained model as lm-evaluation-harness takes it, for the harness's tasks; needs `pip install lm-eval`.

Documents of a row do not see each other in training, so no token was ever learnt as the first of a document: a whole
text is scored from its second token on, and a continuation of nothing is one of the end token. Decoding is greedy.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from lm_eval.api.model import TemplateLM
from numpy.typing import NDArray
from tokenizers import Tokenizer

from trainer.evaluate import load_model
from trainer.scoring import Scored, continuations, score
from trainer.shards import open_shards

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

DECODED_AT_A_TIME = 8
"""Tokens between two looks for a stop string."""
MAX_NEW_TOKENS = 256

Pair = tuple[tuple[str, str], list[int], list[int]]


class TrainedModel(TemplateLM):
    """What `gristmill train` wrote into folder `trained`, with the tokenizer of the export it was trained on."""

    tokenizer_name = "gristmill"

    def __init__(self, trained: Path | str, export: Path | str) -> None:
        """Opens both; raises as `load_model` and `open_shards`."""
        super().__init__()
        shards = open_shards(export)
        self.model, _ = load_model(Path(trained))
        self.length, self.eos_id = shards.manifest.sequence_length, shards.manifest.eos_id
        self._codec = Tokenizer.from_file(str(shards.root / "tokenizer.json"))

    @property
    def eot_token_id(self) -> int:
        """Id of the token that ends a document."""
        return self.eos_id

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_unused: object) -> list[int]:
        """Returns the ids of a text; this tokenizer adds none."""
        del add_special_tokens
        return list(self._codec.encode(string, add_special_tokens=False).ids)

    def _loglikelihood_tokens(self, requests: Sequence[Pair], **_unused: object) -> list[tuple[float, bool]]:
        """Returns for each (context, continuation): log probability in nats, and whether it is what greedy gives."""
        scored = self._scored([[*context, *continuation][-self.length - 1 :] for _, context, continuation in requests])
        found = []
        for (_, _, continuation), each in zip(requests, scored, strict=True):
            last = slice(len(each.loss_N) - len(continuation), None)
            found.append((-float(each.loss_N[last].sum()), bool(each.is_right_N[last].all())))
        return found

    def loglikelihood_rolling(self, requests: Sequence["Instance"], disable_tqdm: bool = False) -> list[float]:
        """Returns the log probability of each text, but its first token's."""
        del disable_tqdm
        scored = self._scored([self.tok_encode(request.args[0]) for request in requests])
        return [-float(each.loss_N.sum()) for each in scored]

    def generate_until(self, requests: Sequence["Instance"], disable_tqdm: bool = False) -> list[str]:
        """Returns what greedy decoding adds to each prompt, up to a stop string or the end token."""
        del disable_tqdm
        return [self._generated(*request.args) for request in requests]

    def _generated(self, prompt: str, options: dict[str, object]) -> str:
        until, most = options.get("until", []), options.get("max_gen_toks", MAX_NEW_TOKENS)
        stops = [until] if isinstance(until, str) else list(until) if isinstance(until, list | tuple) else []
        assert isinstance(most, int), "the harness's own option"
        tokens, new = self.tok_encode(prompt) or [self.eos_id], list[int]()
        while len(new) < most:
            context = np.array([[*tokens, *new][-self.length :]], dtype=np.int64)
            new += continuations(self.model, context, min(DECODED_AT_A_TIME, most - len(new)))[0].tolist()
            is_ended = self.eos_id in new
            text = str(self._codec.decode(new[: new.index(self.eos_id)] if is_ended else new))
            found = [text.index(stop) for stop in stops if stop in text]
            if found or is_ended:
                return text[: min(found, default=None)]
        return text if new else ""

    def _scored(self, sequences: Sequence[list[int]]) -> list[Scored]:
        arrays: list[NDArray[np.int64]] = [np.array(tokens, dtype=np.int64) for tokens in sequences]
        return score(self.model, arrays, length=self.length)
