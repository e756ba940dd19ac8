"""Where a run keeps what it learnt from its people."""

FOLDER = "learned"
FACTS = f"{FOLDER}/learned.json"
PROPOSAL = f"{FOLDER}/proposal.yaml"
