import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.figures import sample_person
from reid_gallery.gallery.figures.figure import build_figure
from reid_gallery.gallery.figures.person import BagKind, Person
from reid_gallery.gallery.figures.pose import Arms, Motion, pose_body
from reid_gallery.gallery.figures.raster import bounds
from reid_gallery.gallery.figures.shapes import View

motions = st.builds(
    Motion,
    phase=st.floats(0, 1),
    pace=st.floats(0, 1.05),
    left=st.sampled_from(Arms),
    right=st.sampled_from(Arms),
    gaze_deg=st.floats(-30, 30),
    nod_deg=st.floats(-10, 30),
)
people = st.integers(0, 300).map(sample_person)


@settings(deadline=None, max_examples=40)
@given(people, motions)
def test_bones_keep_their_length_through_the_walk(person: Person, motion: Motion) -> None:
    pose = pose_body(person.build, motion)
    still = pose_body(person.build, Motion(phase=0, pace=0))
    for leg, other in zip(pose.legs, still.legs, strict=True):
        for a, b in (("hip", "knee"), ("knee", "ankle")):
            length = np.linalg.norm(getattr(leg, a) - getattr(leg, b))
            expected = np.linalg.norm(getattr(other, a) - getattr(other, b))
            assert length == pytest.approx(expected, rel=1e-6)
    for arm, other in zip(pose.arms, still.arms, strict=True):
        assert np.linalg.norm(arm.elbow - arm.wrist) == pytest.approx(
            np.linalg.norm(other.elbow - other.wrist), rel=1e-6
        )


@settings(deadline=None, max_examples=40)
@given(people, motions)
def test_a_figure_stands_on_the_ground_and_is_as_tall_as_its_person(
    person: Person, motion: Motion
) -> None:
    level = View(yaw_deg=0, elevation_deg=0, distance_m=1e4)
    _, bottom, _, top = bounds(level, build_figure(person, motion))
    assert bottom + 0.9 == pytest.approx(0, abs=0.09)
    assert 0.84 < (top + 0.9) / person.build.height_m < 1.13


def test_knees_bend_backwards_and_arms_swing_against_the_legs() -> None:
    build = sample_person(3).build
    for phase in np.linspace(0, 1, 24, endpoint=False):
        pose = pose_body(build, Motion(phase=float(phase), pace=1.0))
        for leg in pose.legs:
            thigh, shank = leg.knee - leg.hip, leg.ankle - leg.knee
            assert np.arctan2(thigh[2], -thigh[1]) >= np.arctan2(shank[2], -shank[1])
    strike = pose_body(build, Motion(phase=0.0, pace=1.0))
    assert strike.legs[0].ankle[2] > 0.15 > -0.1 > strike.legs[1].ankle[2]
    assert strike.arms[0].wrist[2] < strike.arms[1].wrist[2]


def test_left_is_left() -> None:
    pose = pose_body(sample_person(1).build, Motion(phase=0.3, pace=1.0, gaze_deg=20))
    assert pose.legs[0].hip[0] > 0 > pose.legs[1].hip[0]
    assert pose.arms[0].shoulder[0] > 0 > pose.arms[1].shoulder[0]
    assert pose.head_axes[2][0] > 0.2
    assert np.allclose(pose.head_axes @ pose.head_axes.T, np.eye(3))


def test_a_backpack_is_behind_and_a_shoulder_bag_beside() -> None:
    carriers = {sample_person(seed).bag.kind: sample_person(seed) for seed in range(60)}
    plain = Motion(phase=0.0, pace=0.0)
    from_left = View(yaw_deg=90, elevation_deg=0, distance_m=1e4)

    def reach(kind: BagKind) -> tuple[float, float, float, float]:
        return bounds(from_left, build_figure(carriers[kind], plain))

    left, _, right, _ = reach(BagKind.BACKPACK)
    assert -left > right  # walking to the right, the bag reaches farther to the left
    assert set(carriers) == set(BagKind)
