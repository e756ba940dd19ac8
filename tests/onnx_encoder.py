"""A tiny ONNX encoder with its tokenizer: a vector per token from a table, nothing learned."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

WORDS = ("[UNK]", "good", "bad", "the", "word")
VECTORS = np.array([[0, 0, 0], [1, 0.5, 0], [-1, 0.25, 2], [0, 1, 0], [0.5, 0.5, 0.5]], dtype=np.float32)


def encoder_bytes() -> bytes:
    """Returns a model: `input_ids` (1, T) -> (1, T, 3); `attention_mask` is taken and multiplied in."""
    ids, mask = (
        helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"])
        for name in ("input_ids", "attention_mask")
    )
    output = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, "tokens", 3])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["vectors"]),
        helper.make_node("Cast", ["attention_mask"], ["weights"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["weights", "last"], ["columns"]),
        helper.make_node("Mul", ["vectors", "columns"], ["hidden"]),
    ]
    constants = [numpy_helper.from_array(VECTORS, "table"), numpy_helper.from_array(np.array([2]), "last")]
    graph = helper.make_graph(nodes, "encoder", [ids, mask], [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_encoder(folder: Path, **head: object) -> dict[str, str]:
    """Writes encoder, tokenizer and head; returns their paths by the keys that name them."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    settings = {
        "pooling": "mean",
        "normalize": False,
        "max_tokens": 8,
        "weights": [1.0, 2.0, 4.0],
        "bias": 0.5,
        "sigmoid": False,
    }
    contents = {
        "encoder": encoder_bytes(),
        "tokenizer": tokenizer.to_str().encode(),
        "head": json.dumps({"format": "gristmill-linear-head-1"} | settings | head).encode(),
    }
    names = {"encoder": "encoder.onnx", "tokenizer": "tokenizer.json", "head": "head.json"}
    folder.mkdir(parents=True, exist_ok=True)
    for key, content in contents.items():
        (folder / names[key]).write_bytes(content)
    return {key: str(folder / name) for key, name in names.items()}
