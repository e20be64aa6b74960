"""What is freed is kept: writing to it again costs no page faults."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from reid_gallery.train.memory import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
for _ in range(40):  # blocks are aligned, so the first freed ones fit no other
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    maps = torch.zeros(4, 1024, 1024) + 1
    del maps
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_a_step_is_given_the_memory_that_the_last_one_freed():
    faults = count_faults()
    if faults == 0:
        pytest.skip("this kernel doesn't count page faults")
    assert faults > 1000
    assert count_faults("keep") < 100


def count_faults(*arguments: str) -> int:
    """Count page faults when 16 MB are written once more."""
    program = [sys.executable, "-c", FAULTS, *arguments]
    return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
