"""Functions of tensors as CUDA graphs: what they launch is recorded once and then started in a single call."""

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from scalingar.core.device.current import on_device_of

WARM_UPS = 2
"""Calls before a capture, in which kernels are compiled and libraries allocate their workspaces."""


class Captures:
    """The graphs of one live batch, one for each function and shapes of its arguments.

    A captured function is hashable, takes tensors only and returns a tensor or a tuple of them. It must not wait for
    the device, must give the same when it is called twice, and everything else that it reads or writes must stay where
    it is in memory. Its results are overwritten by the next call with the same shapes.

    On other devices functions are called as they are, with the same life of their results.
    """

    def __init__(self) -> None:
        self._graphs: dict[Hashable, _Graph] = {}
        self._pool: Any = None

    def __call__(self, function: Callable[..., Any], *arguments: Tensor) -> Any:
        """``function(*arguments)``."""
        with on_device_of(arguments[0]):
            return self._captured(function, arguments)

    def _captured(self, function: Callable[..., Any], arguments: tuple[Tensor, ...]) -> Any:
        key = (function, *((argument.shape, argument.dtype) for argument in arguments))
        graph = self._graphs.get(key)
        if graph is None:
            if self._pool is None and arguments[0].is_cuda:
                self._pool = torch.cuda.graph_pool_handle()
            graph = self._graphs[key] = _Graph(function, arguments, self._pool)
        return graph(arguments)

    def __len__(self) -> int:
        return len(self._graphs)


class _Graph:
    """A function, the memory of its arguments and that of its results.

    The graphs of a batch share what they compute with in between; so results are copied out of it.
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Tensor, ...], pool: Any) -> None:
        self.function = function
        self.arguments = [argument.clone() for argument in arguments]
        self.graph: torch.cuda.CUDAGraph | None = None
        if not arguments[0].is_cuda:
            self.single, self.results = self._call()
            return
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self.single, results = self._call()
        torch.cuda.current_stream().wait_stream(aside)
        self.results = [torch.empty_like(result) for result in results]
        self.graph = torch.cuda.CUDAGraph()
        # A stream of its own: torch's default one is made once, on the device of the first capture.
        capturing = {"pool": pool, "stream": torch.cuda.Stream(), "capture_error_mode": "thread_local"}
        with torch.cuda.graph(self.graph, **capturing):
            self._store()

    def __call__(self, arguments: tuple[Tensor, ...]) -> Any:
        for own, argument in zip(self.arguments, arguments, strict=True):
            own.copy_(argument, non_blocking=True)
        if self.graph is not None:
            self.graph.replay()
        else:
            self._store()
        return self.results[0] if self.single else tuple(self.results)

    def _call(self) -> tuple[bool, list[Tensor]]:
        """Whether the function gives a single tensor, and all that it gives."""
        results = self.function(*self.arguments)
        return (True, [results]) if isinstance(results, Tensor) else (False, list(results))

    def _store(self) -> None:
        for own, result in zip(self.results, self._call()[1], strict=True):
            own.copy_(result)
