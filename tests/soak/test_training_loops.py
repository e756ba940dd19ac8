"""docs/training-loops.md: its code blocks run as they stand, with Lightning and Transformers in a venv of their own."""

import json
import os
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from infra.benchmarks.peers import REPOSITORY, python_of
from pipelines.shards import export_shards
from tests.docs.pages import blocks_of
from tests.token_runs import documents, texts, write_run
from trainer.shards import Shards, open_shards

pytestmark = [pytest.mark.soak, pytest.mark.peer]

START = """
import json, torch
from trainer.loader import CurriculumDataset
from trainer.shards import open_shards
from torch.nn.functional import cross_entropy
vocabulary = open_shards("run/exports/latest").manifest.vocab_size
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Embedding(vocabulary, 16), torch.nn.Linear(16, vocabulary))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
seen, losses = [], []
real = CurriculumDataset.step_at
def step_at(self, row):
    step = real(self, row)
    seen.append([step.rows.start, step.rows.stop])
    return step
CurriculumDataset.step_at = step_at
"""
LIGHTNING = """
import lightning
class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = model
    def training_step(self, batch, _number):
        inputs, labels = batch
        loss = cross_entropy(self.model(inputs).flatten(0, 1), labels.flatten())
        losses.append(float(loss))
        return loss
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)
module = Module()
def trainer_to(steps):
    return lightning.Trainer(
        max_steps=steps, max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=".", use_distributed_sampler=False, callbacks=[
            lightning.pytorch.callbacks.ModelCheckpoint(dirpath=".", filename="half", every_n_train_steps=3, save_top_k=-1)])
trainer = trainer_to(4)
"""
LIGHTNING_AGAIN = """
first, read = len(losses), len(seen)
trainer = trainer_to(-1)
again = Batches(CurriculumDataset("run/exports/latest", global_batch=8))
trainer.fit(module, train_dataloaders=again, ckpt_path="half.ckpt", weights_only=True)
print(json.dumps({"first": first, "read": read, "seen": seen, "losses": losses, "state": again.state_dict()}))
"""
TRANSFORMERS = """
import transformers
config = transformers.LlamaConfig(vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
    num_attention_heads=2, max_position_embeddings=64)
llama = transformers.LlamaForCausalLM(config)
"""
TRANSFORMERS_RUN = """
def arguments(steps):
    return transformers.TrainingArguments(output_dir="hf", max_steps=steps, save_steps=3, learning_rate=1e-2, use_cpu=True,
        report_to=[], logging_steps=1, disable_tqdm=True, ignore_data_skip=True, per_device_train_batch_size=8)
def trainer_of(steps):
    data = CurriculumDataset("run/exports/latest", global_batch=8)
    return data, CurriculumTrainer(model=llama, args=arguments(steps), train_dataset=data)
_, trainer = trainer_of(3)
trainer.train()
first = len(seen)
data, trainer = trainer_of(5)
trainer.train(resume_from_checkpoint="hf/checkpoint-3")
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print(json.dumps({"first": first, "seen": seen, "losses": losses, "state": data.state_dict()}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("loops")
    export_shards(write_run(root / "run", [documents(texts(60))]))
    return root


@pytest.fixture(scope="module")
def shards(folder: Path) -> Shards:
    return open_shards(folder / "run" / "exports" / "latest")


def blocks() -> list[str]:
    """The page's Python blocks: plain PyTorch, Lightning, Hugging Face."""
    found = [block.code for block in blocks_of(REPOSITORY / "docs" / "training-loops.md") if block.language == "python"]
    assert len(found) == 3
    return found


def ran(program: str, folder: Path) -> dict[str, object]:
    """Runs a program in the loops' venv; returns the JSON object that it printed last."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [python_of("loops", sees_ours=True), "-W", "ignore", "-c", program]
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def steps_of(shards: Shards) -> list[list[int]]:
    return [[start, min(start + 8, len(shards))] for start in range(0, len(shards), 8)]


def test_the_plain_loop_goes_through_the_export_and_keeps_its_place(folder: Path, shards: Shards):
    end = "print(json.dumps({'seen': seen, 'state': checkpoint['data'], 'loss': float(loss) * step.num_targets}))"
    found = ran("\n".join((START, blocks()[0], end)), folder)
    assert found["seen"] == steps_of(shards)
    assert found["state"] == {"manifest_sha256": shards.manifest.sha256, "next_row": len(shards)}


def test_lightning_goes_on_at_the_row_after_its_checkpoint(folder: Path, shards: Shards):
    found = ran("\n".join((START, LIGHTNING, blocks()[1], LIGHTNING_AGAIN)), folder)
    steps = steps_of(shards)
    assert found["first"] == 4, "it was stopped a step after its checkpoint"
    assert found["seen"][found["read"] :] == steps[3:], "no step twice, none lost"
    assert len(found["losses"]) == 4 + len(steps) - 3
    assert found["losses"][4] == found["losses"][3], "the same step again, of the same weights"
    assert found["losses"][-1] < found["losses"][0], "it learns"
    assert found["state"]["next_row"] == len(shards)


def test_the_trainer_of_transformers_goes_on_at_the_row_after_its_checkpoint(folder: Path, shards: Shards):
    found = ran("\n".join((START, TRANSFORMERS, blocks()[2], TRANSFORMERS_RUN)), folder)
    steps = steps_of(shards)
    assert found["losses"][0] > found["losses"][-1], "it learns"
    assert found["seen"][found["first"] :][:2] == steps[3:5], "the first step after the checkpoint is the fourth"
    assert found["state"]["next_row"] == 40
