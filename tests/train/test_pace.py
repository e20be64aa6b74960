import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.train.config import Phase, TrainConfig
from reid_gallery.train.pace import (
    BudgetPace,
    EpochPace,
    Progress,
    position,
    seconds_left,
)

CONFIG = TrainConfig(phases=(Phase(epochs=2, height=128, width=64), Phase(epochs=1)))


def test_by_epochs():
    pace = EpochPace(CONFIG.phases)
    at = Progress(epoch=1, batch=5)
    assert pace.share_of_phase(at, batches=10, seconds=0) == 0.75
    assert position(CONFIG, at, 0.75) == 1.5
    at = Progress(epoch=2)
    assert pace.share_of_phase(at, batches=10, seconds=0) == 1
    at.begin_next_phase(7.0)
    assert at == Progress(epoch=2, phase=1, phase_epoch=2, phase_seconds=7.0)
    assert pace.share_of_phase(at, batches=10, seconds=0) == 0
    assert position(CONFIG, at, 0.5) == 2.5


def test_a_phase_that_ended_early_moves_the_next_one_forward():
    at = Progress(epoch=1, step=10)
    at.begin_next_phase(3.0)
    at.batch = 5
    assert EpochPace(CONFIG.phases).share_of_phase(at, batches=10, seconds=9) == 0.5


def test_by_time():
    pace = BudgetPace(training_s=100.0, weights=(1.0, 3.0))
    at = Progress(phase_seconds=20.0)
    assert pace.share_of_phase(at, batches=1, seconds=20.0) == 0
    assert pace.share_of_phase(at, batches=1, seconds=30.0) == 0.5
    assert pace.share_of_phase(at, batches=1, seconds=40.0) == 1
    at.begin_next_phase(50.0)  # ten seconds late: the last phase still ends in time
    assert pace.share_of_phase(at, batches=1, seconds=75.0) == 0.5
    assert pace.share_of_phase(at, batches=1, seconds=100.0) == 1
    at.phase_seconds = 120.0  # the time is over before it begins
    assert pace.share_of_phase(at, batches=1, seconds=120.0) == 1


@given(
    st.lists(st.floats(0.1, 10), min_size=1, max_size=4),
    st.floats(0, 50),
    st.floats(60, 200),
    st.floats(1, 5),
)
def test_time_is_never_overdrawn_by_more_than_a_step(weights, began, end, step_s):
    pace, at, now = BudgetPace(end, tuple(weights)), Progress(phase_seconds=began), began
    while at.phase < len(weights):
        while pace.share_of_phase(at, batches=1, seconds=now) < 1:
            now += step_s
        at.begin_next_phase(now)
    assert end - 1e-6 <= now <= end + len(weights) * step_s


def test_what_is_left_costs_as_its_pixels_do():
    left = seconds_left(CONFIG, Progress(), 0.5, phase_s=20.0)
    assert left == pytest.approx(10 + 40)  # half of the epochs at four times the pixels
