"""A step's forward and backward pass as a CUDA graph: recorded once, then replayed without Python in between.

Launching a network's hundreds of small kernels one by one takes longer than they run; a replay launches them together.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from edgeprune.errors import EdgepruneError

#: Steps that run one by one before the recording: libraries load kernels and take workspaces, which can't be recorded.
WARM_UP = 3

#: From inputs and targets to the detached loss.
Passes = Callable[[Tensor, Tensor], Tensor]


class Recorded:
    """Stands for ``passes``, a function of ``(inputs, targets)`` that leaves gradients and returns the detached loss.

    Batches of ``batch_size`` are replayed; others, as an epoch's last may be, run as they are. What runs is the same
    kernels in the same order either way.

    Args:
        passes: the function; its only effects are on tensors that stay where they are.
        parameters: those that get gradients.
        batch_size: of the batches to replay.
    """

    def __init__(self, passes: Passes, parameters: Iterable[Tensor], batch_size: int) -> None:
        self.passes, self.parameters, self.batch_size = passes, list(parameters), batch_size
        self.stream, self.seen = torch.cuda.Stream(), 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        if len(inputs) != self.batch_size:
            return self.passes(inputs, targets)
        if self.graph is None and self.seen < WARM_UP:
            self.seen += 1
            return self._beside(inputs, targets)
        graph = self.graph or self._record(inputs, targets)
        for kept, given in zip(self.arguments, (inputs, targets)):
            kept.copy_(given)
        graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients):
            parameter.grad = gradient
        return self.loss

    def _beside(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One step on the stream that will record: autograd remembers the stream it first saw a parameter on."""
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            loss = self.passes(inputs, targets)
        here.wait_stream(self.stream)
        return loss

    def _record(self, inputs: Tensor, targets: Tensor) -> torch.cuda.CUDAGraph:
        self.arguments = [inputs.clone(), targets.clone()]
        for parameter in self.parameters:
            parameter.grad = None  # so that a replay overwrites gradients instead of adding to them
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.loss = self.passes(*self.arguments)
        except RuntimeError as error:
            raise EdgepruneError(
                f"a training step of this network cannot be recorded: {str(error).strip().splitlines()[0]}",
                key="recipes.*.compile",
                remedy="set compile to false",
            ) from error
        self.graph, self.gradients = graph, [parameter.grad for parameter in self.parameters]
        return graph
