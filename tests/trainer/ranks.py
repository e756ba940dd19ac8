"""Processes that train together, forked from a server that has imported torch once."""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["trainer.train"])


class RankDied(Exception):
    """A rank failed or was killed; the message is its traceback, if it left one."""


class RankGroup:
    """`world` processes in one gloo group; each call runs one function on all of them."""

    def __init__(self, world: int, folder: Path) -> None:
        self._pipes: list[Connection] = []
        self._processes = []
        for rank in range(world):
            ours, theirs = CONTEXT.Pipe()
            process = CONTEXT.Process(target=_serve, args=(theirs, rank, world, str(folder / "store")), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def call(self, function: Callable[..., object], *arguments: object) -> list[object]:
        """Returns what `function(*arguments)` returned on each rank; when one dies, all are killed."""
        for pipe in self._pipes:
            pipe.send((function, arguments))
        found: dict[int, object] = {}
        while len(found) < len(self._pipes):
            waiting = {pipe: rank for rank, pipe in enumerate(self._pipes) if rank not in found}
            for pipe in wait(list(waiting)):
                assert isinstance(pipe, Connection)
                try:
                    failure, found[waiting[pipe]] = pipe.recv()
                except EOFError:
                    failure = "killed"
                if failure:
                    self.kill()
                    raise RankDied(failure)
        return [found[rank] for rank in range(len(self._pipes))]

    def kill(self) -> None:
        """Ends all ranks as `kill -9` does."""
        for process in self._processes:
            process.kill()
            process.join()

    def close(self) -> None:
        """Ends all ranks; they hold nothing that must be saved."""
        self.kill()
        for pipe in self._pipes:
            pipe.close()


def _serve(pipe: Connection, rank: int, world: int, store: str) -> None:
    import torch
    import torch.distributed as dist

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank)}
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = (None, function(*arguments))
        except BaseException:
            answer = (traceback.format_exc(), None)
        pipe.send(answer)
