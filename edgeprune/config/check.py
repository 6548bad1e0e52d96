"""Check a configuration against the JSON schema, and say what is wrong in the user's terms."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from edgeprune import tasks
from edgeprune.config import recipe
from edgeprune.config.limits import LIMITS
from edgeprune.errors import EdgepruneError, near
from edgeprune.sources import SOURCES
from edgeprune.typed import dotted, refuse_infinite

SCHEMA = Path(__file__).with_name("config.schema.yaml")
#: libyaml's, many times as fast, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of the configuration: :data:`SCHEMA`, with what the tables of recipes, sources and tasks say."""
    value = yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=LOADER)
    value["$defs"]["recipe"]["properties"] |= recipe.schema()
    dataset = value["$defs"]["dataset"]["properties"]
    dataset["source"]["enum"], dataset["task"]["enum"] = list(SOURCES), list(tasks.TASKS)
    dataset["source"]["description"] += "; ".join(f" `{name}`: {s.description}" for name, s in SOURCES.items()) + "."
    value["$defs"]["dataset"]["properties"] |= tasks.schema()
    for limit in LIMITS:
        entry = {"description": f"At most: {limit.description}.", "type": "string"}
        value["properties"]["limits"]["properties"][limit.name] = entry
    return value


@cache
def _validator(whole: bool) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(schema() if whole else _without_required(schema()))


def _without_required(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_required(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # a property may itself be called "required": only a list is the keyword
    return {k: _without_required(v) for k, v in schema.items() if k != "required" or not isinstance(v, list)}


def check(config: dict[str, Any], file: str | Path, *, whole: bool = False) -> None:
    """Refuse unknown keys and wrong values.

    Args:
        config: the parsed YAML.
        file: the name to show in the error.
        whole: also demand every required key (the merged configuration); a single file may leave keys out.

    Raises:
        EdgepruneError: with the dotted path of the key and the allowed values.
    """
    refuse_infinite(config, file, "give a finite number")
    errors = sorted(_validator(whole).iter_errors(config), key=lambda e: (len(e.absolute_path), str(e.absolute_path)))
    if errors:
        raise _explain(_deepest(errors[0]), file)


def _deepest(error: Any) -> Any:
    """The most specific of the alternatives that an ``anyOf`` tried."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return error


def _explain(error: Any, file: str | Path) -> EdgepruneError:
    path, rule, allowed = list(error.absolute_path), error.validator, error.validator_value
    schemas = (each.schema for each in (error, error.parent) if each and isinstance(each.schema, dict))
    description = next((found["description"] for found in schemas if "description" in found), None)
    if rule == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = next(k for k in error.instance if k not in known)
        problem, remedy = f"unknown key{near(unknown, known)}", f"known keys: {', '.join(known)}"
        path.append(unknown)
    elif "propertyNames" in error.absolute_schema_path:
        problem, remedy = f"{error.instance!r} is not a usable name", "use letters, digits, '-', '.' and '_'"
    elif rule == "not":
        problem, remedy = "is no key of this kind", "remove it, or choose the kind that has it"
    elif rule == "required":
        missing = next(k for k in allowed if k not in error.instance)
        path.append(missing)
        problem, remedy = "missing key", f"add it: {error.schema['properties'].get(missing, {}).get('description', '')}"
    elif rule == "enum":
        problem = f"{error.instance!r} is not allowed{near(error.instance, allowed)}"
        remedy = f"allowed values: {', '.join(map(str, allowed))}"
    else:
        limits = {
            "exclusiveMinimum": f"greater than {allowed}",
            "exclusiveMaximum": f"less than {allowed}",
            "minimum": f"at least {allowed}",
            "maximum": f"at most {allowed}",
            "type": f"of type {allowed}",
            "uniqueItems": "without duplicates",
            "minItems": f"a list of at least {allowed}",
            "minProperties": "not empty",
            "pattern": f"of the form {allowed}",
        }
        problem = f"{error.instance!r} is not valid"
        remedy = f"must be {limits.get(rule, error.message)}" + (f"; {description}" if description else "")
    return EdgepruneError(problem, file=file, key=dotted(path) or None, remedy=remedy)
