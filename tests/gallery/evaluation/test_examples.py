import numpy as np
import numpy.typing as npt
from reid_gallery.gallery.evaluation.embedding import Embedded
from reid_gallery.gallery.evaluation.examples import find_examples
from reid_gallery.gallery.evaluation.measuring import Measurement, measure
from reid_gallery.gallery.evaluation.trials import Trial

Array = npt.NDArray[np.float32]


def on_circle(degrees: list[float]) -> Array:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


#           A, query   B, query  | A's    B's    B's    C's    C's, of camera c9
DEGREES = [0, 100, 60, 103, 130, 20, 1]
PIDS = ("A", "B", "A", "B", "B", "C", "A")
VIEWS = ("c9", "c9", "c1", "c1", "c2", "c1", "c9")


def measured(query: list[int] | None = None) -> Measurement:
    asking, asked = np.array(query or [0, 1]), np.arange(2, 7)
    trial = Trial("all-to-all", "", PIDS, VIEWS, (None,) * 7, ((asking, asked),))
    [one] = measure(trial, [Embedded("model", None, on_circle(DEGREES))])
    return one


def test_the_golden_examples() -> None:
    # A at 0: its own camera's picture at 1 is junk; C at 20, then A at 60. B at 100: all right.
    found = find_examples(measured())
    assert [example.query for example in found.best] == [1, 0]
    assert [example.query for example in found.worst] == [0, 1]
    [wrong] = found.confident
    assert wrong.query == 0
    assert wrong.items.tolist() == [5, 2, 3, 4]
    assert wrong.scores[0] == np.float32(np.cos(np.radians(20)))
    assert (wrong.first_rank, wrong.average_precision) == (2, 0.5)


def test_one_query_a_person_is_shown() -> None:
    found = find_examples(measured([0, 0, 1]))
    assert [example.query for example in found.best] == [1, 0]
    assert len(find_examples(measured(), count=1).best) == 1
