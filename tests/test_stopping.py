"""Signals that ask a training to stop."""

import os
import signal

import pytest

from edgeprune.training.stopping import listening


def test_slurm_says_sigterm_more_than_once_and_the_state_is_kept_all_the_same():
    before = signal.getsignal(signal.SIGTERM)  # a library that another test imported may have set one
    with listening() as came:
        assert came() is None
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert came() == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_again_does_not_wait(first):
    with listening() as came:
        os.kill(os.getpid(), first)
        assert came() == first.name
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
