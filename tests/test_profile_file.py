"""Profile files: round trip, what a digest covers, and refusals that name the file and the key."""

import json
from dataclasses import replace

import pytest

from edgeprune.complexity.parts import Lifetime, SizeAttribute
from edgeprune.complexity.profile import Profile
from edgeprune.complexity.width import constant
from edgeprune.errors import EdgepruneError
from helpers.profiles import ALL, mixed


@pytest.fixture(scope="module")
def text():
    return json.dumps(mixed().to_json())


@pytest.mark.parametrize("network", ALL)
def test_a_profile_survives_its_file(network, tmp_path):
    profile = ALL[network]()
    profile.save(tmp_path / "profile.json")
    loaded = Profile.load(tmp_path / "profile.json")
    assert loaded == profile
    assert loaded.digest == profile.digest


def test_every_field_survives_its_file(tmp_path):
    profile = mixed()
    layers = (*profile.layers[:-1], replace(profile.layers[-1], shared=True, source="net.py:3"))
    more = {"frozen": {"last": "an output"}, "notes": ("a note",), "count_only": {"left": "a shuffle"}}
    attributes = (
        SizeAttribute("", "size", None, ((2, "left"),)),
        SizeAttribute("norm", "shape", 1, ((1, "right"), (2, None))),
    )
    profile = replace(profile, layers=layers, attributes=attributes, **more)
    profile.save(tmp_path / "profile.json")
    assert Profile.load(tmp_path / "profile.json") == profile


def test_the_digest_is_that_of_the_structure():
    profile = mixed()
    traced_otherwise = replace(
        profile,
        alive=(*profile.alive, Lifetime((constant(9),), 1, 2)),
        attributes=(SizeAttribute("a", "size", None, ((1, "left"),)),),
    )
    assert traced_otherwise.digest == profile.digest
    assert replace(profile, matmuls=()).digest != profile.digest
    assert replace(profile, layers=profile.layers[:-1]).digest != profile.digest
    assert replace(profile, slots=profile.slots[:-1]).digest != profile.digest


@pytest.mark.parametrize("inplace", [False, True])
def test_the_digest_does_not_depend_on_operators_in_place(inplace):
    from torch import nn

    from edgeprune.sampling.sample import sample
    from edgeprune.tracing.profile import profile

    def net(inplace):
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace), nn.Conv2d(8, 8, 3), nn.ReLU(inplace), nn.Flatten())

    found, other = profile(net(inplace), (3, 8, 8)), profile(net(not inplace), (3, 8, 8))
    assert found.digest == other.digest
    assert sample(found, "FA", 0.3).attach(other).profile is other


def test_keys_of_the_future_are_ignored(text, tmp_path):
    value = json.loads(text)
    for record in (value, value["groups"][0], value["layers"][0], value["slots"][0], value["alive"][0]):
        record["colour"] = 1
    value["totals"]["energy"] = 5
    (tmp_path / "profile.json").write_text(json.dumps(value))
    assert Profile.load(tmp_path / "profile.json") == mixed()


DROP = object()


@pytest.mark.parametrize(
    ("where", "new", "key", "words"),
    [
        (("format",), "x", None, "is not a complexity profile"),
        (("version",), 2, "version", "format version 2"),
        (("version",), True, "version", "format version True"),
        (("groups",), DROP, "groups", "is missing"),
        (("groups",), 5, "groups", "cannot be 5"),
        (("groups", 0), 5, "groups[0]", "cannot be 5"),
        (("groups", 0, "width"), -3, "groups[0].width", "whole number from 1"),
        (("groups", 0, "width"), 10.0, "groups[0].width", "cannot be 10.0"),
        (("groups", 0, "width"), True, "groups[0].width", "cannot be True"),
        (("groups", 0, "width"), 11, "totals.params", "but the layers make"),
        (("groups", 0, "members"), [3], "groups[0].members[0]", "cannot be 3; it is a text"),
        (("groups", 1, "name"), "left", "groups", "twice"),
        (("layers",), [], "layers", "a list of at least 1"),
        (("layers", 1, "positions"), DROP, "layers[1].positions", "is missing"),
        (("layers", 0, "out"), "foo", "layers[0].out", "names the group 'foo'"),
        (("layers", 0, "out"), "2*foo", "layers[0].out", "names the group 'foo'"),
        (("layers", 0, "out"), [], "layers[0].out", "is empty"),
        (("layers", 0, "out"), ["left", 1.5], "layers[0].out", "cannot be"),
        (("layers", 0, "inp"), -1, "layers[0].inp", "cannot be -1"),
        (("layers", 0, "kernel"), [3, "3"], "layers[0].kernel[1]", "a whole number"),
        (("layers", 0, "bias"), "no", "layers[0].bias", "cannot be 'no'"),
        (("slots", 0, "dims"), "left", "slots[0].dims", "cannot be 'left'"),
        (("slots", 0, "dims", 1), None, "slots[0].dims[1]", "cannot be None"),
        (("matmuls", 0, "dims", 0), "foo", "matmuls[0].dims[0]", "names the group 'foo'"),
        (("alive", 0, "born"), "x", "alive[0].born", "cannot be 'x'"),
        (("input_shapes",), [3, 8, 8], "input_shapes[0]", "cannot be 3; it is a list"),
        (("frozen",), {"a": 1}, "frozen.a", "cannot be 1; it is a text"),
        (("attributes",), [{"module": ""}], "attributes[0].attribute", "is missing"),
        (("dtype_bytes",), 0, "dtype_bytes", "whole number from 1"),
        (("totals", "params"), 1, "totals.params", "is 1, but the layers make"),
        (("totals", "peak_memory"), DROP, "totals.peak_memory", "is missing"),
        (("totals",), DROP, "totals", "is missing"),
    ],
)
def test_damaged_files_are_refused(text, tmp_path, where, new, key, words):
    value = holder = json.loads(text)
    for step in where[:-1]:
        holder = holder[step]
    if new is DROP:
        del holder[where[-1]]
    else:
        holder[where[-1]] = new
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(value))
    with pytest.raises(EdgepruneError) as error:
        Profile.load(path)
    assert (error.value.file, error.value.key) == (path, key)
    assert words in error.value.problem
    assert error.value.remedy
