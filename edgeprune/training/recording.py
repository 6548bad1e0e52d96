"""A step's forward and backward pass as a CUDA graph: recorded once, then replayed without Python in between.

Launching a network's hundreds of small kernels one by one takes longer than they run; a replay launches them together.
"""

import torch

from edgeprune.errors import EdgepruneError

#: Steps that run one by one before the recording: libraries load kernels and take workspaces, which can't be recorded.
WARM_UP = 3


class Recorded:
    """Stands for ``passes``, a function of ``(inputs, targets)`` that leaves gradients and returns the detached loss.

    Batches of ``batch_size`` are replayed; others, as an epoch's last may be, run as they are. What runs is the same
    kernels in the same order either way.

    Args:
        passes: the function; its only effects are on tensors that stay where they are.
        parameters: those that get gradients.
        batch_size: of the batches to replay.
    """

    def __init__(self, passes, parameters, batch_size):
        self.passes, self.parameters, self.batch_size = passes, list(parameters), batch_size
        self.stream, self.graph, self.seen = torch.cuda.Stream(), None, 0

    def __call__(self, inputs, targets):
        if len(inputs) != self.batch_size:
            return self.passes(inputs, targets)
        if self.graph is None and self.seen < WARM_UP:
            self.seen += 1
            return self._beside(inputs, targets)
        if self.graph is None:
            self._record(inputs, targets)
        for kept, given in zip(self.arguments, (inputs, targets)):
            kept.copy_(given)
        self.graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients):
            parameter.grad = gradient
        return self.loss

    def _beside(self, inputs, targets):
        """One step on the stream that will record: autograd remembers the stream it first saw a parameter on."""
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            loss = self.passes(inputs, targets)
        here.wait_stream(self.stream)
        return loss

    def _record(self, inputs, targets):
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
