"""The parts of the pages that are written from the code: packages, public names, keys of the configuration, help."""

import argparse
import ast
import contextlib
import io
import json
import os
import re
import runpy
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

import edgeprune
from edgeprune import cli, plotting, tasks
from edgeprune.config import check

ROOT = Path(__file__).parents[1]
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def packages():
    """The layers of pyproject.toml, the top first, and what each module in them is for."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in settings if c["type"] == "layers")
    names = [[name.strip() for name in layer.split("|")] for layer in layers]
    parts = _head("layer", "packages and modules")
    parts += [f"| {len(names) - i} | {', '.join(f'`{name}`' for name in layer)} |" for i, layer in enumerate(names)]
    for name in (name for layer in names for name in layer):
        folder = ROOT / "edgeprune" / name
        if folder.is_dir():
            parts += [f"\n## {name}\n", _summary(folder / "__init__.py"), *_head("module", "what it is for")]
            for file in sorted(folder.rglob("*.py")):
                if file.name != "__init__.py":
                    parts.append(f"| `{file.relative_to(folder).with_suffix('')}` | {_cell(_summary(file))} |")
    return "\n".join(parts)


def _summary(file):
    return " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n\n")[0].split())


def public_names():
    """Directives for autodoc: what ``import edgeprune`` offers."""
    parts = []
    for name in edgeprune.__all__:
        value = getattr(edgeprune, name)
        kind = "function" if not isinstance(value, type) else "exception" if issubclass(value, Exception) else "class"
        parts.append(f".. auto{kind}:: edgeprune.{name}\n" + ("   :members:\n" if kind == "class" else ""))
    return "```{eval-rst}\n" + "\n".join(parts) + "```"


def task_table():
    """A row for each task: what it needs, its metrics, its own settings, its baseline."""
    parts = _head("task", "kind of target", "metrics, the headline first", "settings", "baseline")
    for name in tasks.TASKS:
        task = tasks.get(name)
        defaults = ", ".join(f"`{key}: {value}`" for key, value in asdict(task.Options()).items())
        cells = f"`{name}`", task.targets, ", ".join(m.label for m in task.metrics), defaults, task.baseline or ""
        parts.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(parts)


def config_keys():
    """A table of keys for each section of the schema of config.yaml and presets/."""
    schema = check.schema()
    sections = {f"One {name}": part for name, part in schema["$defs"].items() if "properties" in part}
    parts = []
    for title, part in {"The whole file": schema, **sections}.items():
        parts += [f"\n## {title}\n", _cell(part["description"]), *_head("key", "values", "default", "meaning")]
        for key, value in _flat(part["properties"], schema["$defs"]):
            default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
            default = "*required*" if key in part.get("required", ()) else default
            cells = f"`{key}`", _values(value, schema["$defs"]), default, value.get("description", "")
            parts.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(parts)


def _flat(properties, definitions, prefix=""):
    """``(dotted key, its schema)``; mappings that have no section of their own are spread out."""
    for key, part in properties.items():
        yield prefix + key, {**definitions.get(_section(part), {}), **part}
        for mark, below in (("", part), ("", part.get("then", {})), ("[]", part.get("items", {}))):
            yield from _flat(below.get("properties", {}), definitions, f"{prefix}{key}{mark}.")


def _section(part):
    return part.get("$ref", "").rpartition("/")[2]


def _values(part, definitions):
    """What a value may be: words, a type with its bounds, or a link to the section that describes it."""
    name = _section(part)
    if "properties" in definitions.get(name, {}):
        return f"[one {name}](#one-{name})"
    if "enum" in part:
        return ", ".join(f"`{value if isinstance(value, str) else json.dumps(value)}`" for value in part["enum"])
    if "items" in part:
        return f"list of {_values(part['items'], definitions)}"
    if isinstance(part.get("additionalProperties"), dict):
        return f"mapping of names, each to {_values(part['additionalProperties'], definitions)}"
    if "then" in part:
        return "list or mapping"
    kinds = part.get("type", definitions.get(name, {}).get("type", "string"))
    kind = " or ".join([kinds] if isinstance(kinds, str) else kinds).replace("object", "mapping")
    return ", ".join([kind, *(f"{BOUNDS[key]} {part[key]:,}" for key in BOUNDS if key in part)])


def _head(*columns):
    return ["", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]


def _cell(text):
    """Text for one cell of a table: on one line, and what looks like HTML outside of code is none."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()).replace("|", "\\|"))
    return "".join(p if p.startswith("`") else p.replace("<", "&lt;").replace("*.", "\\*.") for p in pieces)


def command_help():
    """The ``--help`` of ``edgeprune`` and of each of its commands."""
    top = cli.parser()
    commands = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction)).choices
    helps = {"edgeprune": top, **{f"edgeprune {name}": command for name, command in commands.items()}}
    return "".join(_block(title, parser.format_help()) for title, parser in helps.items())


def script_help():
    """The ``--help`` of each script, and of each figure that one of them draws."""
    found = {f"scripts/{file.name}": _printed(file) for file in sorted((ROOT / "scripts").glob("*.py"))}
    drawing = ROOT / "scripts" / "draw_figure.py"
    found |= {f"scripts/draw_figure.py {name}": _printed(drawing, name) for name in plotting.names()}
    return "".join(_block(title, text) for title, text in sorted(found.items()))


def _printed(script, *arguments):
    printed, before = io.StringIO(), sys.argv
    sys.argv = [script.name]
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            runpy.run_path(str(script))["main"]([*arguments, "--help"])
    finally:
        sys.argv = before
    return printed.getvalue()


def _block(title, text):
    return f"## {title}\n\n```text\n{text.rstrip()}\n```\n\n"


os.environ["COLUMNS"] = "100"  # of the helps, whatever the terminal
#: What a page asks for -> what writes it, as Markdown.
PARTS = {
    f"<!-- {name} -->": write
    for name, write in {
        "packages": packages,
        "public names": public_names,
        "tasks": task_table,
        "config keys": config_keys,
        "commands": command_help,
        "scripts": script_help,
    }.items()
}
