"""Training curves of many runs as one small table, for `dvc plots`."""

import csv
from collections import defaultdict
from pathlib import Path

from edgeprune.errors import EdgepruneError


def of_runs(histories):
    """Rows of ``history.csv`` files, averaged over the seeds of a variant.

    Args:
        histories: paths that end in ``<network>/<dataset>/<variant>/seed-<n>/history.csv``.

    Returns:
        list[dict]: ``pair`` (network on dataset), ``variant``, ``epoch``, ``seeds`` (how many runs reached that epoch),
        ``train_loss``, ``val_loss`` and ``val``, the task's headline metric on the validation split.

    Raises:
        EdgepruneError: a file is not a training history.
    """
    gathered = defaultdict(list)
    for path in map(Path, histories):
        network, dataset, variant = path.parts[-5:-2]
        try:
            with open(path, newline="", encoding="utf-8") as stream:
                for row in csv.DictReader(stream):
                    headline = next(key for key in row if key.startswith("val_") and key != "val_loss")
                    values = float(row["train_loss"]), float(row["val_loss"]), float(row[headline])
                    gathered[f"{network} on {dataset}", variant, int(row["epoch"])].append(values)
        except FileNotFoundError as error:
            raise EdgepruneError("there is no such file", file=path, remedy="train this run") from error
        except (KeyError, ValueError, TypeError, StopIteration) as error:
            raise EdgepruneError(f"is not a history of training ({error!r})", file=path) from error
    rows = []
    for (pair, variant, epoch), values in sorted(gathered.items()):
        means = [sum(column) / len(values) for column in zip(*values)]
        rows.append(
            {"pair": pair, "variant": variant, "epoch": epoch, "seeds": len(values)}
            | dict(zip(("train_loss", "val_loss", "val"), means))
        )
    return rows
