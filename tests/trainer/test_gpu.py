"""What only a CUDA device shows: FlexAttention's gradients, and the speed of a compiled model. `make gpu` runs it."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from trainer.attention import attend, bool_mask, flex_mask
from trainer.metrics import read_log
from trainer.presets import Choices, preset_config
from trainer.shards import Shards
from trainer.train import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device; `make gpu` on a machine that has one"),
    pytest.mark.filterwarnings("default"),
]


@pytest.mark.parametrize("window", [None, 100])
def test_flex_attention_and_its_gradients_are_those_of_sdpa(window: int | None):
    draw = torch.Generator("cuda").manual_seed(0)
    segments = torch.sort(torch.randint(0, 5, (2, 256), generator=draw, device="cuda"), dim=1).values
    tensors = [torch.randn(2, heads, 256, 64, generator=draw, device="cuda") for heads in (4, 2, 2)]
    found = []
    for mask in (bool_mask(segments, window=window), flex_mask(segments, window=window)):
        inputs = [tensor.clone().requires_grad_() for tensor in tensors]
        out = attend(*inputs, mask)
        out.square().sum().backward()
        found.append([out, *(tensor.grad for tensor in inputs)])
    for sdpa, flex in zip(*found, strict=True):
        torch.testing.assert_close(flex, sdpa, rtol=2e-2, atol=2e-2)


def test_a_compiled_model_in_bfloat16_trains_on_the_gpu(shards: Shards, tmp_path: Path, repository: Path):
    config = preset_config("125m", shards.manifest, Choices(global_batch=8, micro_batch=8, epochs=4))
    assert (config.parallel.precision, config.parallel.compile) == ("bf16", True)
    train(shards, config, tmp_path, tell=lambda _text: None)
    lines = read_log(tmp_path)
    assert lines[-1]["loss"] < lines[0]["loss"]
    speeds = sorted((line["tokens_per_second"], line["mfu"]) for line in lines)
    speed, mfu = speeds[len(speeds) // 2]
    results = repository / "infra" / "benchmarks" / "results" / "gpu.json"
    told = {"device": torch.cuda.get_device_name(), "preset": "125m", "tokens_per_second": speed, "mfu": mfu}
    told |= {"sequence_length": shards.manifest.sequence_length, "rows_per_step": 8}
    results.write_text(json.dumps(told, indent=1) + "\n")
