"""Small fastText models, trained by the library on drawn text: the same bytes in every run."""

import random
from pathlib import Path

import fasttext

SYLLABLES = (
    "ba",
    "ke",
    "lo",
    "mi",
    "nu",
    "sha",
    "ter",
    "ünd",
    "éta",
    "слово",
    "кот",
    "漢字",
    "かな",
    "ไทย",
    "😀",
    "x1",
    "-",
)
LABELS = ("one", "two", "three", "vier", "fünf")


def drawn_texts(num_texts: int, *, seed: int) -> list[tuple[str, str]]:
    """Returns (label, text): each label prefers its own words."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(120)]
    texts = []
    for _ in range(num_texts):
        label = draw.randrange(len(LABELS))
        own = words[label * 20 : label * 20 + 40]
        texts.append((LABELS[label], " ".join(draw.choices(own, k=draw.randint(1, 25)))))
    return texts


def train(folder: Path, *, quantize: dict[str, object] | None = None, num_texts: int = 400, **options: object) -> bytes:
    """Returns the file of a model trained with the library's `options`, quantised by its own if given."""
    lines = [f"__label__{label} {text}\n" for label, text in drawn_texts(num_texts, seed=1)]
    given, path = folder / "given.txt", folder / "model.bin"
    given.write_text("".join(lines), encoding="utf-8")
    defaults = {"dim": 10, "epoch": 8, "lr": 0.5, "thread": 1, "verbose": 0, "bucket": 400, "minCount": 1}
    model = fasttext.train_supervised(str(given), **defaults | options)
    if quantize is not None:
        model.quantize(input=str(given), **{"thread": 1, "verbose": 0} | quantize)
    model.save_model(str(path))
    return path.read_bytes()
