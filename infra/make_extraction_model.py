"""Makes the package's model of main content from the gold pages; the same bytes every time.

Usage, in the repository: GRISTMILL_CORPORA=... python -m infra.make_extraction_model. Needs lightgbm (extra `dev`), and
makes a venv of other extractors (infra/benchmarks/extraction-requirements.txt), whose agreement labels the pages of
segments. Writes curation/text/models/content.npz; the digest in curation/text/content.py must follow. What it prints is
of models that have not seen the pages, with cuts chosen on them; infra/benchmarks/extraction.py chooses those apart.
"""

import hashlib

from curation.text.content import PACKAGED_MODEL, write_model
from infra.extraction.gold import NUM_FOLDS, gold_pages
from infra.extraction.peers import peer_texts
from infra.extraction.training import chosen_cuts, held_out_scores, measures, sample, text_of, trained


def main() -> None:
    """Writes the model."""
    pages = gold_pages()
    peers = peer_texts(pages)
    samples = [sample(page, peers[page.id]) for page in pages]
    scores = held_out_scores(samples, range(NUM_FOLDS))
    cuts = chosen_cuts(samples, scores)
    texts = [text_of(one, score_B, cuts) for one, score_B in zip(samples, scores, strict=True)]
    print(cuts, measures(samples, texts))
    content = write_model(trained(samples), cuts)
    PACKAGED_MODEL.parent.mkdir(exist_ok=True)
    PACKAGED_MODEL.write_bytes(content)
    print(f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
