"""The peers' side of shard_reading.py, run in their venv: reads rows one by one, prints bytes and CPU seconds."""

# ruff: noqa: PLC0415 - a peer is imported after the stand-in for what it imports in vain
import importlib.machinery
import json
import sys
import time
import types

import numpy as np

ROW_TOKENS, ROWS, WARM_UP = 2049, 4000, 100


class Stub:
    """Stands for torchvision: streaming imports it for images only, and its build need not fit this torch."""

    def find_spec(self, name, path=None, target=None):
        """Finds torchvision and all below."""
        ours = name.split(".")[0] == "torchvision"
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if ours else None

    def create_module(self, spec):
        """Makes a module that has every name, as an empty class."""
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: type(name, (), {})
        return module

    def exec_module(self, module):
        """Does nothing."""


def write_litdata(target, raw):
    """Writes rows of raw tokens as litdata chunks for its TokensLoader."""
    import torch
    from litdata.streaming.item_loader import TokensLoader
    from litdata.streaming.writer import BinaryWriter

    rows = np.memmap(raw, dtype=np.uint16, mode="r").reshape(-1, ROW_TOKENS)
    writer = BinaryWriter(target, chunk_bytes="64MB", item_loader=TokensLoader(block_size=ROW_TOKENS))
    for number, row in enumerate(rows):
        writer[number] = torch.from_numpy(row.astype(np.int32))
    writer.done()
    writer.merge()
    return rows.nbytes


def dataset(peer, folder):
    """Returns a peer's own dataset over a local folder."""
    if peer == "litdata":
        from litdata import StreamingDataset, TokensLoader

        return StreamingDataset(folder, item_loader=TokensLoader(block_size=ROW_TOKENS), shuffle=False)
    from streaming import StreamingDataset

    return StreamingDataset(local=folder, shuffle=False, batch_size=1)


def main():
    """Writes or reads, as the arguments say."""
    sys.meta_path.insert(0, Stub())
    action, folder = sys.argv[1:3]
    if action == "write-litdata":
        print(json.dumps({"bytes": write_litdata(folder, sys.argv[3]), "cpu_seconds": 0}))
        return
    data = dataset(action, folder)
    for number in range(WARM_UP):
        data[number]
    count = min(ROWS, len(data) - WARM_UP)
    start = time.process_time()
    for number in range(WARM_UP, WARM_UP + count):
        data[number]
    # bytes of tokens as uint16 on either side, whatever the peer's own width is
    print(json.dumps({"bytes": count * ROW_TOKENS * 2, "cpu_seconds": time.process_time() - start}))


if __name__ == "__main__":
    main()
