import math
from pathlib import Path

import numpy as np
import pytest
import torch
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.train.config import ModelConfig
from reid_gallery.train.datasets import CropCache
from reid_gallery.train.held_out import rank_held_out
from reid_gallery.train.model import EmbeddingModel
from reid_gallery.train.splitting import TrainingPicture, split_people
from reid_gallery.train.validation import embed_crops, validate


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    torch.manual_seed(0)
    config = ModelConfig(backbone="test_efficientnet", init="none", embedding_size=16)
    return EmbeddingModel(config)


def figures_by_hand(embeddings, pictures) -> tuple[float, float]:
    """MAP and rank-1 of the pictures of one source, query by query."""
    precisions, firsts = [], []
    for query, own in enumerate(pictures):
        others = [
            (-float(embeddings[query] @ embeddings[n]), n)
            for n, other in enumerate(pictures)
            if (other.person, other.camera) != (own.person, own.camera)
        ]
        hits = [pictures[n].person == own.person for _, n in sorted(others)]
        if any(hits):
            ranks = [rank for rank, hit in enumerate(hits, 1) if hit]
            precisions.append(np.mean([n / rank for n, rank in enumerate(ranks, 1)]))
            firsts.append(hits[0])
    return (float(np.mean(precisions)), float(np.mean(firsts))) if precisions else (math.nan,) * 2


def test_embeddings_of_crops_are_the_models(model, people):
    crops = CropCache(sorted(people.rglob("*.jpg"))[:5], limit_mib=1)
    rows = embed_crops(model.train(), crops, height=64, width=32)
    batch = np.stack([fit(crops[n], height=64, width=32) for n in range(5)])
    with torch.inference_mode():
        wanted = model.eval().embed(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(rows, wanted, atol=1e-5)


def test_figures_are_means_over_sources(model, people):
    sources = [(people, "folders"), (people, "folders")]
    pictures = split_people(sources, validation_share=0.8, seed=1).validation
    pictures[3:6] = [TrainingPicture(p.path, p.person, "0:same") for p in pictures[3:6]]
    crops = CropCache([p.path for p in pictures], limit_mib=4)
    embeddings = embed_crops(model, crops, height=64, width=32)
    by_hand = []
    for source in "01":
        mine = [n for n, p in enumerate(pictures) if p.person.startswith(source)]
        by_hand.append(figures_by_hand(embeddings[mine], [pictures[n] for n in mine]))
    result = validate(model, pictures, crops, height=64, width=32)
    assert (result.map, result.rank1) == pytest.approx(tuple(np.mean(by_hand, axis=0)))
    assert 0 < result.map < 1


def test_a_source_without_anybody_seen_twice_is_left_out(model, people):
    pictures = split_people([(people, "folders")], validation_share=0.4, seed=1).validation
    alone = [TrainingPicture(p.path, p.person.replace("0:", "1:"), "1:c") for p in pictures]
    crops = CropCache([p.path for p in pictures + alone], limit_mib=4)
    both = validate(model, pictures + alone, crops, height=64, width=32)
    first = CropCache([p.path for p in pictures], limit_mib=4)
    assert both == validate(model, pictures, first, height=64, width=32)
    assert validate(model, alone, first, height=64, width=32) is None


def test_who_is_held_out_alone_says_nothing():
    rows = np.eye(4, dtype=np.float32)
    alone = [TrainingPicture(Path(f"{n}.jpg"), "0:a", f"0:c{n}") for n in range(2)]
    pair = [TrainingPicture(Path(f"{n}.jpg"), f"1:{n % 2}", f"1:c{n // 2}") for n in range(4)]
    assert rank_held_out(rows[:2], alone) is None
    result = rank_held_out(np.concatenate([rows[:2], rows]), [*alone, *pair])
    assert list(result.sources) == ["1"]
