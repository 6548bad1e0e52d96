"""DVC's pipeline file of a preset: ``dvc.yaml`` for the default one, ``results/<preset>/dvc.yaml`` for any other."""

from pathlib import Path

from edgeprune.config.load import read_yaml
from edgeprune.errors import EdgepruneError
from snakeledger import Pipeline


def pipeline(preset: str, root: str | Path = ".") -> Pipeline:
    """The :class:`snakeledger.Pipeline` of a preset.

    Raises:
        EdgepruneError: ``dvc.yaml`` does not say which preset is the default one.
    """
    try:
        default = read_yaml(Path(root) / "dvc.yaml")["vars"][0]["preset"]
    except (KeyError, IndexError, TypeError) as error:
        problem = "the first of `vars` must be a mapping with the key `preset`"
        raise EdgepruneError(problem, file="dvc.yaml", key="vars[0].preset") from error
    if preset == default:
        return Pipeline(root)
    return Pipeline(root, f"results/{preset}/dvc.yaml", {"preset": preset, "root": "../.."})
