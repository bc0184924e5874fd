"""hypothesis profiles: `dev` (default), `ci` (derandomized), `thorough` (`make fuzz`). One thread per process."""

import os

import pytest
import torch
from hypothesis import HealthCheck, settings

import scratch

_common = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("dev", max_examples=20, **_common)
settings.register_profile("ci", max_examples=25, derandomize=True, database=None, **_common)
settings.register_profile("thorough", max_examples=1000, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

torch.set_num_threads(1)


@pytest.fixture
def two_threads():
    before = scratch.num_threads()
    scratch.set_num_threads(2)
    yield
    scratch.set_num_threads(before)
