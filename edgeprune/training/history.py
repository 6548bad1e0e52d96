"""What happened epoch by epoch: a file for later, a line on stderr for now."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pathlib import Path

    from edgeprune.tasks.base import Metric

#: An epoch's numbers by the names of their columns.
Row = dict[str, Any]
#: Called with a row, images per second and seconds left.
Report = Callable[[Row, float, float], object]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows (equal keys) as CSV text; a float in the shortest form that reads back to the same bits."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


class LiveLine:
    """Prints one line per epoch.

    Args:
        headline: the task's headline :class:`~edgeprune.tasks.base.Metric`.
        epochs: of the whole training.
    """

    def __init__(self, headline: Metric, epochs: int, stream: TextIO | None = None) -> None:
        self.headline, self.epochs, self.stream = headline, epochs, stream or sys.stderr

    def __call__(self, row: Row, images_per_second: float, seconds_left: float) -> None:
        value = row[f"val_{self.headline.name}"] * self.headline.scale
        shown = f"{self.headline.label} {value:.{self.headline.decimals}f}"
        minutes, seconds = divmod(round(seconds_left), 60)
        print(
            f"epoch {row['epoch']:>{len(str(self.epochs))}}/{self.epochs}  loss {row['train_loss']:.4f}  "
            f"val {shown}  {images_per_second:,.0f} images/s  {minutes}:{seconds:02d} left",
            file=self.stream,
            flush=True,
        )


@contextlib.contextmanager
def events(folder: str | Path | None, done: int = 0) -> Iterator[Report]:
    """Yield a function like :class:`LiveLine` that writes TensorBoard's event files to ``folder``.

    ``done`` epochs are there already. It does nothing without a folder, and without the ``tensorboard`` package, which
    it says on stderr.
    """
    if not folder:
        yield lambda *_: None
        return
    if importlib.util.find_spec("tensorboard") is None:
        print(f"no event files in {folder}: the package tensorboard is not installed", file=sys.stderr)
        yield lambda *_: None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), purge_step=done + 1 if done else None) as writer:

        def write(row: Row, images_per_second: float, seconds_left: float) -> None:
            for name, value in (row | {"images_per_second": images_per_second}).items():
                if name != "epoch":
                    writer.add_scalar(name, value, row["epoch"])
            writer.flush()

        yield write
