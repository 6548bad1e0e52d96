"""DVC's pipeline file: what the stages' results are, and which ledger vouches for them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from string import Template
from typing import Any

import yaml

from snakeledger import ledger_file
from snakeledger.errors import LedgerError
from snakeledger.files import write_text

#: Which of a stage's outputs is its ledger.
LEDGERS = "provenance/*.jsonl"
#: libyaml's, many times as fast, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Stage:
    """Of one stage, paths relative to the repository's folder; ``folder`` is where it runs, ``uncached`` outs git's."""

    folder: str
    outs: list[str]
    deps: list[str]
    uncached: list[str]

    @property
    def ledger(self) -> str | None:
        return next((out for out in self.outs if PurePath(out).match(LEDGERS)), None)


@dataclass(frozen=True)
class Pipeline:
    """The pipeline in ``dvc.yaml``, or one that is alike but for the values of its variables.

    Attributes:
        root: the repository's folder, with ``dvc.yaml`` and ``.dvc``.
        path: of the pipeline file, relative to ``root``; any but ``dvc.yaml`` is derived from that, with a lock of its
            own beside it, so that recording one cannot touch the record of the other.
        variables: ``{name: value}`` in the place of what ``vars`` says.
    """

    root: str | Path = "."
    path: str = "dvc.yaml"
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def lock(self) -> str:
        """Relative to ``root``."""
        return str(PurePath(self.path).with_suffix(".lock"))

    @cached_property
    def _content(self) -> dict[str, Any]:
        """``dvc.yaml`` with this pipeline's variables.

        Raises:
            LedgerError: it cannot be read, or has not all of them.
        """
        file = Path(self.root) / "dvc.yaml"
        try:
            content = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)
            content["stages"].items()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise LedgerError(f"is not a pipeline of DVC ({error})", file=file, remedy="correct it") from error
        for name, value in self.variables.items():
            known = [part for part in content.get("vars", ()) if isinstance(part, dict) and name in part]
            if not known:
                raise LedgerError(f"has no variable {name!r}", file=file, remedy="add it to `vars`")
            known[0][name] = value
        return content

    @cached_property
    def names(self) -> dict[str, Any]:
        """``{name: value}`` of the variables that the file itself sets."""
        parts = [part for part in self._content.get("vars", ()) if isinstance(part, dict)]
        return {name: value for part in parts for name, value in part.items()}

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """``{name: Stage}`` of the stages that are written out: not those of a `matrix` or `foreach`."""
        stages = self._content["stages"].items()
        return {name: self._stage(stage) for name, stage in stages if not {"matrix", "foreach"} & set(stage)}

    def _stage(self, stage: Mapping[str, Any]) -> Stage:
        def filled_in(text: object) -> str:
            return Template(str(text)).safe_substitute(self.names)

        folder = os.path.join(os.path.dirname(self.path), filled_in(stage.get("wdir", "")))

        def paths(entries: Iterable[object]) -> list[str]:  # an entry is a path, or {path: options}
            names = (next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries)
            return [os.path.normpath(os.path.join(folder, filled_in(name))) for name in names]

        outs, deps = stage.get("outs", ()), stage.get("deps", ())
        uncached = [out for out in outs if isinstance(out, dict) and not next(iter(out.values())).get("cache", True)]
        return Stage(folder, paths(outs), paths(deps), paths(uncached))

    @cached_property
    def ledgers(self) -> dict[str, list[str]]:
        """``{ledger file: [results]}``: an entry for each stage that has a ledger.

        Raises:
            LedgerError: no stage has one.
        """
        results = {
            stage.ledger: [out for out in stage.outs if out != stage.ledger]
            for stage in self.stages.values()
            if stage.ledger
        }
        if not results:
            remedy = f"add one like {LEDGERS.replace('*', '<stage>')} to the `outs` of each stage"
            raise LedgerError("no stage has a ledger", file=Path(self.root) / "dvc.yaml", remedy=remedy)
        return results

    def lists(self, file: str | Path) -> bool:
        """Whether a file, or a folder around it, is a dependency of some stage."""
        deps = {dep for stage in self.stages.values() for dep in stage.deps}
        return any(str(place) in deps for place in (Path(file), *Path(file).parents))

    def recorded(self) -> dict[str, str]:
        """``{path: md5}`` of the outputs in the lock that DVC's cache holds; empty if no lock can be read."""
        try:
            stages = yaml.load((Path(self.root) / self.lock).read_text(encoding="utf-8"), Loader=LOADER)["stages"]
            found = {
                os.path.normpath(os.path.join(self.stages[name].folder, out["path"])): out["md5"]
                for name, stage in stages.items()
                for out in stage.get("outs", ())
                if name in self.stages and "md5" in out
            }
            uncached = {path for stage in self.stages.values() for path in stage.uncached}
            return {path: md5 for path, md5 in found.items() if path not in uncached}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
            return {}

    def lock_is_whole(self) -> bool:
        """Whether the lock is YAML with whole stages; a conflict of a merge is left to whoever merges."""
        text = (Path(self.root) / self.lock).read_text(encoding="utf-8", errors="replace")
        try:
            stages = yaml.load(text, Loader=LOADER)["stages"]
            files = [file for stage in stages.values() for file in [*stage.get("deps", ()), *stage["outs"]]]
            return all("cmd" in stage for stage in stages.values()) and all("path" in file for file in files)
        except (KeyError, TypeError, AttributeError, yaml.YAMLError):
            return "<<<<<<<" in text

    def derive(self) -> None:
        """Write the pipeline file, if it is one that is derived; `artifacts` are those of ``dvc.yaml`` alone."""
        if self.path != "dvc.yaml":
            text = "# Derived from dvc.yaml at the top, which is the one to edit.\n"
            content = {key: part for key, part in self._content.items() if key != "artifacts"}
            write_text(Path(self.root) / self.path, text + yaml.safe_dump(content, sort_keys=False))

    def complete(self, stage: str | None = None) -> None:
        """Give DVC what it expects of a stage that had nothing to do: empty folders, and a ledger of nothing.

        Args:
            stage: the name of the only stage to do this for.
        """
        for name, found in self.stages.items():
            if found.ledger and stage in (None, name):
                for path in (Path(self.root, out) for out in found.outs):
                    if not path.suffix and not os.path.lexists(path):
                        path.mkdir(parents=True)
                if not (Path(self.root) / found.ledger).exists():
                    ledger_file.write(Path(self.root) / found.ledger, {})
