"""From config.yaml, a preset and command-line overrides to one effective configuration."""

import copy
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from edgeprune import amounts, tasks
from edgeprune.config import grid, limits, references, seeds
from edgeprune.config.check import check
from edgeprune.config.recipe import check_augment
from edgeprune.errors import EdgepruneError, near
from edgeprune.names import BASELINES, MEASURED

#: Sections in which `default` holds for every network and an entry of the network's name adds to it.
PER_NETWORK = ("recipes", "sampling")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Parse a YAML file into a dict; duplicate keys are refused.

    Raises:
        EdgepruneError: missing, unreadable or malformed file.
    """
    try:
        value = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except FileNotFoundError as error:
        raise EdgepruneError("there is no such file", file=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise EdgepruneError(f"cannot be read: {error}", file=path, remedy="make it a readable UTF-8 file") from error
    except yaml.YAMLError as error:
        raise _broken(error, path) from error
    if not isinstance(value, dict):
        found = {list: "a list", type(None): "nothing"}.get(type(value), f"the one value {value!r}")
        raise EdgepruneError(
            f"holds {found}, not a mapping of keys to values",
            file=path,
            remedy="write `key: value` lines; the keys are described in edgeprune/config/config.schema.yaml",
        )
    return value


def _broken(error: yaml.YAMLError, path: str | Path) -> EdgepruneError:
    """What PyYAML says, with the line where it noticed."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    if mark is None:
        return EdgepruneError(f"is not valid YAML: {problem}", file=path, remedy="remove what is named here")
    text = (mark.buffer or "").rstrip("\0").splitlines()
    shown = f", {text[mark.line].strip()!r}" if mark.line < len(text) and text[mark.line].strip() else ""
    return EdgepruneError(
        f"is not valid YAML: line {mark.line + 1}, column {mark.column + 1}{shown}: {problem}",
        file=path,
        remedy="mend that line or the one before: a bracket or quote left open, a tab, an indentation, a second key",
    )


def effective(root: str | Path = ".", overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The configuration that a run follows.

    ``config.yaml``, then ``presets/<preset>.yaml``, then ``overrides`` (Snakemake's ``--config``): the later one
    wins, mappings are merged key by key, lists are replaced. `recipes` and `sampling` are resolved to one complete
    entry per network of the grid.

    Raises:
        EdgepruneError: an unknown key, a wrong value, or a name that nothing defines.
    """
    root = Path(root)
    base = read_yaml(root / "config.yaml")
    check(base, "config.yaml")
    given = _typed(overrides or {})
    check(given, "--config")
    name = given.get("preset", base.get("preset"))
    known = sorted(p.stem for p in (root / "presets").glob("*.yaml"))
    if name not in known:
        raise EdgepruneError(
            f"there is no preset {name!r}{near(name, known)}",
            file="--config" if "preset" in given else "config.yaml",
            key="preset",
            remedy=f"choose one of {', '.join(known)} or add presets/{name}.yaml",
        )
    preset_file = f"presets/{name}.yaml"
    preset = read_yaml(root / preset_file)
    check(preset, preset_file)
    if "preset" in preset:
        raise EdgepruneError("a preset cannot name a preset", file=preset_file, key="preset", remedy="remove the key")
    config = merge(merge(base, preset), given)
    check(config, f"config.yaml with {preset_file}", whole=True)
    if "budgets" in config:
        config["budgets"] = _plain_budgets(config["budgets"], f"config.yaml with {preset_file}")
    _check_names(config, f"config.yaml with {preset_file}")
    config["seeds"] = seeds.whole(config["seeds"])
    for section in PER_NETWORK:
        entries = config[section]
        config[section] = {
            n: merge(entries.get("default", {}), entries.get(n, {}))
            for n in sorted({p["network"] for p in config["pairs"]})
        }
    for pair in config["pairs"]:
        network, task = pair["network"], tasks.get(config["datasets"][pair["dataset"]]["task"])
        augment = config["recipes"][network].get("augment", ())
        check_augment(augment, task.targets, network, f"config.yaml with {preset_file}")
    return config


def _typed(value: Any) -> Any:
    """Snakemake hands over what is nested in a ``--config`` value as strings: ``targets=[0.5]`` -> ``["0.5"]``."""
    if isinstance(value, dict):
        return {key: _typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_typed(part) for part in value]
    try:
        typed = yaml.load(value, Loader=_UniqueKeys) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value  # text that happens to look like broken YAML
    return typed if isinstance(typed, bool | int | float) else value


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` updated by ``over``, mappings key by key; neither is changed."""
    result = copy.deepcopy(dict(base))
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merge(result[key], value) if both else copy.deepcopy(value)
    return result


def _plain_budgets(budgets: Mapping[str, Mapping[str, Any]], file: str) -> dict[str, dict[str, int | float]]:
    """The budgets with plain numbers: ``50%`` is 0.5, ``2MB`` is 2000000."""
    return {
        name: {r: amounts.plain(amounts.read(v, r, f"budgets.{name}.{r}", file)) for r, v in budget.items()}
        for name, budget in budgets.items()
    }


def _check_names(config: Mapping[str, Any], file: str) -> None:
    for i, pair in enumerate(config["pairs"]):
        for kind in ("network", "dataset"):
            _known(pair[kind], config[f"{kind}s"], file, f"pairs[{i}].{kind}", f"{kind}s")
    for i, name in enumerate(config["measure_on"]):
        _known(name, config["devices"], file, f"measure_on[{i}]", "devices")
    for part in (references, grid, limits):
        part.check(config, file)
    seeds.check(config["seeds"], file)
    _check_measured(config, file)
    for entry in references.read(config).values():
        if entry.method in BASELINES and "dense" not in config["references"]:
            raise EdgepruneError(
                f"{entry.method} prunes the trained dense network, which is not in the grid",
                file=file,
                key=f"references.{entry.name}",
                remedy="add `dense: {}` to references",
            )
    for section in PER_NETWORK:
        for name in config[section]:
            if name != "default":
                _known(name, config["networks"], file, f"{section}.{name}", "networks")


def _check_measured(config: Mapping[str, Any], file: str) -> None:
    """The modes that go by a device's table of layer costs: a device is named, and no baseline is asked for them."""
    wanted = [mode for mode in config["modes"] if mode in MEASURED]
    for entry in references.read(config).values():
        modes = [mode for mode in entry.modes if mode in MEASURED]
        if modes and entry.method in BASELINES:
            raise EdgepruneError(
                f"{entry.method} ranks a trained network's filters and takes no table of layer costs, as {modes[0]} "
                "needs",
                file=file,
                key=f"references.{entry.name}.modes",
                remedy=f"name the modes of {entry.name} without {' and '.join(modes)}",
            )
        wanted += modes
    if "sample_on" in config:
        _known(config["sample_on"], config["devices"], file, "sample_on", "devices")
    elif wanted:
        raise EdgepruneError(
            f"the mode {wanted[0]} goes by costs measured on a device, and none is named",
            file=file,
            key="sample_on",
            remedy=f"name one of `devices`: {', '.join(sorted(config['devices']))}",
        )


def _known(name: str, table: Collection[str], file: str, key: str, section: str) -> None:
    if name not in table:
        raise EdgepruneError(
            f"{name!r} is not defined{near(name, table)}",
            file=file,
            key=key,
            remedy=f"define it under `{section}` in config.yaml; defined: {', '.join(sorted(table))}",
        )


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys without a word; a mistyped experiment must not pass so."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            value = self.construct_object(key, deep=deep)
            if value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {value!r} stands twice", key.start_mark)
            seen.add(value)
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 1e-3 for a string, YAML 1.2 (which DVC reads) and people take it for a number.
_UniqueKeys.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)
