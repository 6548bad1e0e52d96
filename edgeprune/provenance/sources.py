"""Which source files a script depends on, found without running anything.

Snakemake sees an edit of a rule, not of a module that the rule's script imports. So each rule carries the digests
of all modules of this project that its script reaches, by a static walk over the import statements, those inside
functions included. An edit then reruns exactly the jobs whose script reaches the edited module.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def digests(*entries, root=ROOT):
    """``"path@digest"`` of every source file that ``entries`` reach, sorted; paths are relative to ``root``.

    Args:
        entries: Python files (relative to ``root``) or factories, ``package.module:name`` or ``path/file.py:name``.
            A module from outside the project (torchvision's, say) is left to the pinned requirements.
    """
    root, found, todo = Path(root), set(), []
    for entry in entries:
        target = entry.partition(":")[0]
        todo += [target] if target.endswith(".py") else _files_of(root, target)
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _imports(root, path)
    return sorted(f"{path}@{_digest(root, path)}" for path in found)


def _files_of(root, module):
    """The file of a dotted module and those of the packages around it (their ``__init__`` runs too)."""
    parts, files = module.split("."), []
    for n in range(1, len(parts) + 1):
        stem = "/".join(parts[:n])
        files += [f for f in (f"{stem}/__init__.py", f"{stem}.py") if _exists(root, f)]
    return files


@cache
def _exists(root, path):
    return (root / path).is_file()


@cache
def _source(root, path):
    return (root / path).read_bytes() if (root / path).is_file() else b""


@cache
def _digest(root, path):
    return hashlib.sha256(_source(root, path)).hexdigest()[:16]


@cache
def _exports(root, package):
    """The literal `_EXPORTS` of a package that imports its public names on first use."""
    source = _source(root, package.replace(".", "/") + "/__init__.py")
    for node in ast.parse(source).body if b"_EXPORTS" in source else []:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "_EXPORTS":
            return ast.literal_eval(node.value)
    return {}


@cache
def _imports(root, path):
    try:
        tree = ast.parse(_source(root, path))
    except SyntaxError:
        return []  # the job itself will say so, with the line
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            names += [module for name in names for module in _exports(root, name).values()]
        elif isinstance(node, ast.ImportFrom):
            package = path.split("/")[: -node.level] if node.level else []
            module = ".".join(package + ([node.module] if node.module else []))
            names = [module] + [f"{module}.{alias.name}" for alias in node.names]
            exports = _exports(root, module)
            names += [exports[alias.name] for alias in node.names if alias.name in exports]
        else:
            continue
        for name in names:
            found += _files_of(root, name)
            # a module beside a user's own file, imported the way Python does when that folder is on the path
            beside = "/".join(path.split("/")[:-1] + [name.replace(".", "/") + ".py"])
            found += [beside] if _exists(root, beside) else []
    return found
