"""Training curves of many runs as one small table, for `dvc plots`."""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import pandas

from edgeprune.errors import EdgepruneError


def of_runs(histories: Iterable[str | Path]) -> list[dict[Hashable, Any]]:
    """Rows of ``history.csv`` files, averaged over the runs of a variant.

    Args:
        histories: paths that end in ``<network>/<dataset>/<variant>/seed-<n>/history.csv``.

    Returns:
        list[dict]: ``pair`` (network on dataset), ``variant``, ``epoch``, ``seeds`` (how many runs reached that epoch),
        ``train_loss``, ``val_loss`` and ``val``, the task's headline metric on the validation split: of a history's
        metrics it is the first.

    Raises:
        EdgepruneError: a file is not a training history.
    """
    key = ["pair", "variant", "epoch"]
    values = ["train_loss", "val_loss", "val"]
    every = pandas.concat(map(_read, map(Path, histories)))
    grouped = every.groupby(key)[values]
    means = grouped.mean().assign(seeds=grouped.size()).reset_index()
    return means[[*key, "seeds", *values]].to_dict("records")


def _read(path: Path) -> pandas.DataFrame:
    network, dataset, variant = path.parts[-5:-2]
    try:
        history = pandas.read_csv(path)
        headline = next(key for key in map(str, history) if key.startswith("val_") and key != "val_loss")
        numbers = history[["epoch", "train_loss", "val_loss", headline]].astype({"epoch": int, headline: float})
    except FileNotFoundError as error:
        raise EdgepruneError("there is no such file", file=path, remedy="train this run") from error
    except (KeyError, ValueError, StopIteration) as error:
        raise EdgepruneError(f"is not a history of training ({error!r})", file=path) from error
    return numbers.rename(columns={headline: "val"}).assign(pair=f"{network} on {dataset}", variant=variant)
