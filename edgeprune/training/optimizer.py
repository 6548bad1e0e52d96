"""Optimisers.

SGD is written out here because the first optimiser that torch.optim makes imports torch._dynamo, which nothing else in
a training job does, its ONNX export included: 2.1 s of CPU, 4.6 s instead of 2.6 s for start, three steps and export
(torch 2.15, compiled bytecode, alternating). It computes what torch.optim.SGD does, operation by operation; a test
holds it to equality in every bit.
"""

import torch


class SGD:
    """Stochastic gradient descent with momentum (Nesterov's on request) and L2 penalty, as torch.optim.SGD defines it.

    Args:
        parameters: tensors that require gradients.
        lr: learning rate; may be set before each step.
    """

    def __init__(self, parameters, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
        self.parameters = [p for p in parameters if p.requires_grad]
        self.lr, self.momentum, self.weight_decay, self.nesterov = lr, momentum, weight_decay, nesterov
        self.buffers = {}  # index of a parameter -> its momentum; a parameter never reached has none

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self):
        used = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        if not used:
            return
        parameters = [self.parameters[i] for i in used]
        gradients = [p.grad for p in parameters]
        if self.weight_decay:
            gradients = torch._foreach_add(gradients, parameters, alpha=self.weight_decay)
        if self.momentum:
            buffers = self._accumulate(used, gradients)
            gradients = torch._foreach_add(gradients, buffers, alpha=self.momentum) if self.nesterov else buffers
        torch._foreach_add_(parameters, gradients, alpha=-self.lr)

    def _accumulate(self, used, gradients):
        old = [i for i in used if i in self.buffers]
        new = dict(zip(used, gradients))
        if old:
            buffers = [self.buffers[i] for i in old]
            torch._foreach_mul_(buffers, self.momentum)
            torch._foreach_add_(buffers, [new[i] for i in old])
        for i in used:
            if i not in self.buffers:
                self.buffers[i] = new[i].clone()
        return [self.buffers[i] for i in used]

    def state_dict(self):
        return {"buffers": dict(self.buffers)}

    def load_state_dict(self, state):
        self.buffers = {i: b.clone().to(self.parameters[i].device) for i, b in state["buffers"].items()}


class TorchOptimizer:
    """One of torch.optim's, behind the interface of :class:`SGD`."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    @property
    def lr(self):
        return self.optimizer.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value):
        for group in self.optimizer.param_groups:
            group["lr"] = value

    def zero_grad(self):
        self.optimizer.zero_grad(set_to_none=True)

    def step(self):
        self.optimizer.step()

    def state_dict(self):
        return self.optimizer.state_dict()

    def load_state_dict(self, state):
        self.optimizer.load_state_dict(state)


def make(recipe, parameters):
    """The recipe's optimiser over ``parameters``: ``lr``, ``zero_grad()``, ``step()``, ``state_dict()``."""
    if recipe.optimizer == "sgd":
        return SGD(parameters, recipe.lr, recipe.momentum, recipe.weight_decay, recipe.nesterov)
    return TorchOptimizer(torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay))
