"""Fixtures that several test files use. They import what they need when asked: most tests need none of it."""

import gc
import signal

import pytest

gc.disable()  # until all is collected: what the tests import stays, and is never looked through

# A shell's background jobs are started deaf to Ctrl-C, and so would be all that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """Made-up metrics, measurements and plans, as :func:`helpers.synthetic_runs.grid` returns them."""
    from helpers import synthetic_runs

    return synthetic_runs.grid(tmp_path_factory.mktemp("grid"))


@pytest.fixture(scope="module")
def rows(grid):
    """Their rows, one for each run."""
    from edgeprune.reporting import runs

    return runs.read(*grid[:2])


@pytest.fixture
def site(monkeypatch):
    """A web server on loopback; a failed download is tried again without a pause."""
    from edgeprune.data import download
    from helpers.httpserver import serve

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "BACK_OFF", 0.001)
    with serve() as served:
        yield served


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config, items):
    """With several processes, begin with files that run whole workflows or are marked: short ones fill what is left."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not (hasattr(item.module, "Workspace") or item.get_closest_marker("long")))
