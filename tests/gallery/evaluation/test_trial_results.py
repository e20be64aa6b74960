from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from reid_gallery.gallery.errors import EmbeddingError
from reid_gallery.gallery.evaluation.comparing import compare_results
from reid_gallery.gallery.evaluation.protocols import read_trial
from reid_gallery.gallery.evaluation.retrieval import evaluate_retrieval
from reid_gallery.gallery.evaluation.trial_results import TrialResult, evaluate_trial

Array = npt.NDArray[np.float32]
PEOPLE = 12


@pytest.fixture
def viper(tmp_path: Path) -> Path:
    for camera in ("cam_a", "cam_b"):
        (tmp_path / camera).mkdir()
        for pid in range(PEOPLE):
            (tmp_path / camera / f"{pid:03}_45.png").touch()
    return tmp_path


def embed_by_pid(paths: Sequence[Path]) -> Array:
    """A perfect extractor: one direction a person."""
    return np.eye(PEOPLE, dtype=np.float32)[[int(path.name[:3]) for path in paths]]


def embed_alike(paths: Sequence[Path]) -> Array:
    """A blind extractor: everybody looks the same, so that gallery order decides."""
    return np.tile(np.eye(3, dtype=np.float32)[:1], (len(paths), 1))


def evaluate(name: str, folder: Path, embed: Callable[[Sequence[Path]], Array]) -> TrialResult:
    trial = read_trial(name, folder)
    return evaluate_trial(trial, embed(trial.files))


def test_a_perfect_extractor_is_perfect(viper: Path) -> None:
    result = evaluate("viper", viper, embed_by_pid)
    assert set(result.figures().values()) == {1.0}
    assert set(result.intervals().values()) == {(1.0, 1.0)}


def test_a_blind_extractor_gets_the_means_of_gallery_order(viper: Path) -> None:
    # Six people a split, found at ranks 1 to 6: mAP is the mean of 1/1 to 1/6.
    figures = evaluate("viper", viper, embed_alike).figures()
    assert figures["map"] == pytest.approx(sum(1 / rank for rank in range(1, 7)) / 6)
    assert figures["cmc_1"] == pytest.approx(1 / 6)
    assert figures["cmc_5"] == pytest.approx(5 / 6)
    assert figures["identity_cmc_10"] == 1.0


def test_splits_weigh_the_same_in_a_figure_and_in_its_interval(viper: Path) -> None:
    random = np.random.default_rng(3)
    people, splits = 30, []
    for asked, noise in ((4, 0.0), (60, 2.0)):  # the small split is easy, the large one hard
        gallery = np.eye(people, dtype=np.float32)
        rows = gallery[np.arange(asked) % people] + noise * random.normal(size=(asked, people))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        pids = np.arange(asked) % people
        splits.append(
            evaluate_retrieval(rows, gallery, query_pids=pids, gallery_pids=np.arange(people))
        )
    result = TrialResult(read_trial("viper", viper), tuple(splits))
    figure, interval = result.figures()["map"], result.intervals()["map"]
    assert splits[0].figures()["map"] == 1 > splits[1].figures()["map"] + 0.3
    assert interval.low < figure < interval.high
    worse = TrialResult(
        result.trial, (splits[0], replace(splits[1], average_precision=np.zeros(60)))
    )
    difference = compare_results(worse, result)["map"]
    assert difference.low < difference.value < difference.high


def test_the_text_states_the_denominators(viper: Path) -> None:
    trial = read_trial("viper", viper, seed=7)
    text = str(evaluate_trial(trial, embed_by_pid(trial.files)))
    assert "20 splits (seed 7)" in text
    assert "6 valid queries, 0 skipped, gallery of 6 pictures" in text
    assert "mAP                     100.0%  [100.0%, 100.0%]" in text
    assert text.endswith("Means over splits; 95 % intervals bootstrapped by identity.")


def test_skipped_queries_show_in_market(tmp_path: Path) -> None:
    for name in (
        "query/0001_c1s1_000001_00.jpg",
        "query/0002_c1s1_000001_00.jpg",
        "bounding_box_test/0001_c2s1_000001_00.jpg",
        "bounding_box_test/0002_c1s1_000002_00.jpg",  # of the query's own camera: junk
        "bounding_box_test/0000_c3s1_000001_00.jpg",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    result = evaluate("market1501", tmp_path, embed_alike)
    [split] = result.splits
    assert split.first_rank.tolist() == [2]  # the distractor stands first
    assert "1 split (seed 0), in each: 1 valid query, 1 skipped" in str(result)
    assert "Means over" not in str(result)


def test_each_distractor_is_somebody_else(tmp_path: Path) -> None:
    for name in (
        "query/0001_c1s1_000001_00.jpg",
        "query/0002_c1s1_000001_00.jpg",
        *(f"bounding_box_test/0000_c3s1_00000{number}_00.jpg" for number in range(6)),
        "bounding_box_test/0001_c2s1_000001_00.jpg",
        "bounding_box_test/0002_c2s1_000001_00.jpg",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    figures = evaluate("market1501", tmp_path, embed_alike).figures()
    assert figures["identity_cmc_5"] == 0.0  # six people stand before either
    assert figures["identity_cmc_10"] == 1.0


def test_the_ap_convention_is_passed_on(viper: Path) -> None:
    trial = read_trial("viper", viper)
    result = evaluate_trial(trial, embed_alike(trial.files), ap_convention="trapezoid")
    # Found at rank r, the only one: (0 + 1/r) / 2, and (1 + 1) / 2 at rank 1.
    expected = (1 + sum(1 / rank / 2 for rank in range(2, 7))) / 6
    assert result.figures()["map"] == pytest.approx(expected)


def test_another_number_of_embeddings_is_refused(viper: Path) -> None:
    trial = read_trial("viper", viper)
    with pytest.raises(EmbeddingError, match="23 embeddings for 24 pictures"):
        evaluate_trial(trial, embed_by_pid(trial.files)[1:])
