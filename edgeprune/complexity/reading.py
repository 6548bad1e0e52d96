"""Reading a profile from its JSON: every value is checked, so that a damaged file is named instead of a traceback."""

import re

from edgeprune.complexity import width
from edgeprune.complexity.parts import Group, Layer, Lifetime, TensorShape
from edgeprune.errors import EdgepruneError

_AGAIN = "make the profile again with `edgeprune profile`"
_REQUIRED = object()


def fields(value, path):
    """A profile's fields, by name, from the JSON object ``value``; keys that this version does not know are ignored.

    Args:
        path: the file, for messages.

    Raises:
        EdgepruneError: a value is missing or impossible.
    """
    top = _Record(value, path, "")
    groups = tuple(Group(g.text("name"), g.whole("width", 1), tuple(g.texts("members"))) for g in top.records("groups"))
    names = {g.name for g in groups}
    if len(names) < len(groups):
        top.refuse("groups", "names a group twice")
    layers = tuple(
        Layer(
            name=a.text("name"),
            kind=a.text("kind"),
            out=a.expression("out", names),
            inp=a.expression("inp", names),
            kernel=a.wholes("kernel"),
            bias=a.flag("bias"),
            positions=a.whole("positions"),
            map_positions=a.whole("map_positions"),
            calls=a.whole("calls", 1, default=1),
            source=a.text("source", default=None),
            shared=a.flag("shared", default=False),
        )
        for a in top.records("layers")
    )
    if not layers:
        top.refuse("layers", "holds no layer")
    return {
        "network": top.text("network"),
        "input_shapes": top.shapes("input_shapes"),
        "groups": groups,
        "layers": layers,
        "slots": tuple(
            TensorShape(
                s.text("name"), s.expressions("dims", names), s.flag("trainable"), s.whole("bytes_per_element", 1)
            )
            for s in top.records("slots")
        ),
        "matmuls": tuple((m.whole("positions"), m.expressions("dims", names)) for m in top.records("matmuls")),
        "alive": tuple(
            Lifetime(a.expressions("dims", names), a.whole("born"), a.whole("dies"), a.whole("bytes_per_element", 1))
            for a in top.records("alive")
        ),
        "frozen": top.table("frozen"),
        "notes": tuple(top.texts("notes")),
        "dtype_bytes": top.whole("dtype_bytes", 1),
        "attributes": tuple(
            (a.text("module"), a.text("attribute"), a.whole("index", default=None), a.expression("value", names))
            for a in top.records("attributes", default=())
        ),
        "count_only": top.table("count_only", default={}),
    }


def check_totals(value, path, totals):
    """Refuse a JSON object whose stored totals are not ``totals``, which its layers make."""
    stored = _Record(_Record(value, path, "").get("totals", dict), path, "totals.")
    for resource, total in totals.items():
        if stored.whole(resource) != total:
            stored.refuse(resource, f"is {stored.value[resource]}, but the layers make {total}")


class _Record:
    """A JSON object whose values are taken one by one; ``prefix`` leads to it from the top of the file."""

    def __init__(self, value, path, prefix):
        self.value, self.path, self.prefix = value, path, prefix

    def refuse(self, key, problem):
        raise EdgepruneError(problem, file=self.path, key=f"{self.prefix}{key}", remedy=_AGAIN)

    def get(self, key, kind, default=_REQUIRED):
        if key not in self.value or (default is None and self.value[key] is None):
            return self.refuse(key, "is missing") if default is _REQUIRED else default
        value = self.value[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.refuse(key, f"cannot be {_short(value)}")
        return value

    def text(self, key, default=_REQUIRED):
        return self.get(key, str, default)

    def flag(self, key, default=_REQUIRED):
        return self.get(key, bool, default)

    def whole(self, key, least=0, default=_REQUIRED):
        value = self.get(key, int, default)
        if value is not None and value < least:
            self.refuse(key, f"cannot be {value}; it is a whole number from {least}")
        return value

    def wholes(self, key):
        value = self.get(key, list)
        if not all(type(n) is int and n > 0 for n in value):
            self.refuse(key, f"cannot be {_short(value)}; it is a list of whole numbers from 1")
        return tuple(value)

    def texts(self, key):
        value = self.get(key, list)
        if not all(isinstance(v, str) for v in value):
            self.refuse(key, f"cannot be {_short(value)}; it is a list of texts")
        return value

    def table(self, key, default=_REQUIRED):
        value = self.get(key, dict, default)
        if not all(isinstance(v, str) for v in value.values()):
            self.refuse(key, f"cannot be {_short(value)}; its values are texts")
        return dict(value)

    def shapes(self, key):
        value = self.get(key, list)
        if not value or not all(isinstance(s, list) and s and all(type(n) is int and n > 0 for n in s) for s in value):
            self.refuse(key, f"cannot be {_short(value)}; it is a list of shapes")
        return tuple(tuple(s) for s in value)

    def records(self, key, default=_REQUIRED):
        """The objects in a list."""
        for i, value in enumerate(self.get(key, list, default)):
            if not isinstance(value, dict):
                self.refuse(f"{key}[{i}]", f"cannot be {_short(value)}")
            yield _Record(value, self.path, f"{self.prefix}{key}[{i}].")

    def expressions(self, key, groups):
        return tuple(self._checked(f"{key}[{i}]", v, groups) for i, v in enumerate(self.get(key, list)))

    def expression(self, key, groups):
        return self._checked(key, self.get(key, (int, str, list)), groups)

    def _checked(self, key, value, groups):
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if type(part) is int and part >= 0:
                continue
            if not isinstance(part, str):
                self.refuse(key, f"cannot be {_short(value)}; it is a number of channels or of units of groups")
            match = re.match(r"\d+\*(.*)", part, re.DOTALL)
            if (match[1] if match else part) not in groups:
                self.refuse(key, f"names the group {match[1] if match else part!r}, which is not among `groups`")
        if not parts:
            self.refuse(key, "is empty")
        return width.from_json(value)


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
