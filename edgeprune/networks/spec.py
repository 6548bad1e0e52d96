"""A network as the configuration names it. Needs no torch, so that the workflow can read it too."""

from typing import Any

from edgeprune.errors import EdgepruneError

FORMS = 'name it "package.module:function" or "path/file.py:function"'


def parse(spec: object, name: str | None = None) -> tuple[str, str, dict[str, Any]]:
    """``(place, attribute, args)`` of a network's configuration.

    Args:
        spec: ``{"factory": "pkg.mod:f" | "path/file.py:f", "args": {...}}``, or the factory string alone.
        name: the network's name in the configuration, for messages.

    Returns:
        tuple: module name or path, attribute (dots allowed), keyword arguments.

    Raises:
        EdgepruneError: the specification has another shape.
    """
    key = factory_key(name)
    if isinstance(spec, str):
        spec = {"factory": spec}
    if not isinstance(spec, dict) or not isinstance(spec.get("factory"), str):
        raise EdgepruneError(f"is no network factory: {spec!r}", key=key, remedy=FORMS)
    unknown = sorted(set(spec) - {"factory", "args"})
    if unknown:
        raise EdgepruneError(
            f"has the unknown key {unknown[0]!r}", key=key.rsplit(".", 1)[0], remedy="the keys are: factory, args"
        )
    place, colon, attribute = spec["factory"].rpartition(":")
    if not colon or not place or not attribute:
        raise EdgepruneError(f"names no function: {spec['factory']!r}", key=key, remedy=FORMS)
    args = spec.get("args") or {}
    if not isinstance(args, dict):
        raise EdgepruneError(
            f"is not a mapping: {args!r}", key=key.replace("factory", "args"), remedy="give keyword arguments"
        )
    return place, attribute, dict(args)


def is_file(place: str) -> bool:
    """Whether a factory's place is a Python file rather than a module."""
    return place.endswith(".py") or "/" in place


def factory_key(name: str | None) -> str:
    return f"networks.{name}.factory" if name else "networks.factory"
