"""What happened epoch by epoch: a file for later, a line on stderr for now."""

import csv
import io
import sys


def to_csv(rows):
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

    def __init__(self, headline, epochs, stream=None):
        self.headline, self.epochs, self.stream = headline, epochs, stream or sys.stderr

    def __call__(self, row, images_per_second, seconds_left):
        value = row[f"val_{self.headline.name}"] * self.headline.scale
        minutes, seconds = divmod(round(seconds_left), 60)
        print(
            f"epoch {row['epoch']:>{len(str(self.epochs))}}/{self.epochs}  loss {row['train_loss']:.4f}  "
            f"val {self.headline.label} {value:.2f}  {images_per_second:,.0f} images/s  {minutes}:{seconds:02d} left",
            file=self.stream,
            flush=True,
        )
