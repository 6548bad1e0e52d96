"""When each feature map is made and last read.

A feature map is a storage: views and in-place results share that of their base. It lives from the operator that makes
it to the last one that reads it, and the network's results live to the end. Parameters, buffers and what
is only a view of them are not feature maps. A second result that nobody reads (the indices of max pooling) is
no feature map either: a runtime on a device does not make it.
"""

from collections.abc import Iterable

from torch import Tensor


class Liveness:
    """Records lifetimes during one forward pass."""

    def __init__(self) -> None:
        self.now = 0
        self.maps = {}  # storage -> [tensor, born, last read, is a second result]
        self.ignored = {}  # storages of parameters and buffers, kept alive

    def ignore(self, tensor: Tensor) -> None:
        self.ignored[_key(tensor)] = tensor

    def source(self, tensor: Tensor) -> None:
        """An input of the network: there from the start."""
        self.maps[_key(tensor)] = [tensor, 0, 0, False]

    def step(self, inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> None:
        """One operator."""
        self.now += 1
        for tensor in inputs:
            entry = self.maps.get(_key(tensor))
            if entry:
                entry[2] = self.now
        for position, tensor in enumerate(outputs):
            key = _key(tensor)
            if key in self.maps:
                self.maps[key][2] = self.now
            elif key not in self.ignored and tensor.numel():
                self.maps[key] = [tensor, self.now, self.now, position > 0]

    def finish(self, outputs: Iterable[Tensor]) -> list[tuple[Tensor, int, int]]:
        """The network's results are held to the end. Returns ``[(tensor, born, dies)]``."""
        for tensor in outputs:
            if _key(tensor) in self.maps:
                self.maps[_key(tensor)][2] = self.now
                self.maps[_key(tensor)][3] = False
        return [(t, born, dies) for t, born, dies, second in self.maps.values() if dies > born or not second]


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
