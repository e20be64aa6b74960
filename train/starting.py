"""What a learner is given before its first step, measured on training pictures.

What starts from an extractor or has new norms is measured by the first process, for all.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .config import TrainConfig
from .learner import Learner
from .material import Material
from .stage_norm import has_new_stage_norms, start_stage_norms
from .validation import embed_crops

_MEASURED_BATCHES = 16
"""Of about a hundred pictures each: even a norm that takes one value a picture, as the neck does,
then knows its mean to a few hundredths of its deviation."""
_SAMPLED_OF_A_PERSON = 4
"""Pictures whose embeddings' mean is where the head starts."""
_SAMPLED_UNLABELLED = 4096
"""To fit the projection to, which has an unknown a dimension of the embedding: 512 of ours."""

Say = Callable[[str], None]


def start_learner(learner: Learner, material: Material, config: TrainConfig, say: Say) -> None:
    """Measure what `Learner` can't know by itself; all processes then have the same.

    Args:
        learner: that took no step.
        material: to measure on.
        config: of the run.
        say: is given a line for each thing that was measured.
    """
    model, new_norms = config.model, has_new_stage_norms(learner.model)
    if not new_norms and not model.starts_from_extractor:
        return
    if learner.processes.main:
        measures_statistics = model.starts_from_extractor and not model.frozen_statistics
        # Random weights give maps that say nothing of those which training makes of them.
        needed = measures_statistics or (new_norms and model.init != "none")
        batches = list(_first_batches(material, config)) if needed else []
        if new_norms:
            say(f"norms behind {start_stage_norms(learner.model, batches)} stages are started")
        if measures_statistics:
            norms = learner.measure_statistics(batches)
            say(f"statistics of {norms} batch norms measured on the first batches")
        if model.starts_from_extractor:
            _start_objective(learner, material, config, say)
    learner.share()


def _first_batches(material: Material, config: TrainConfig) -> Iterator[Tensor]:
    """Pictures of the first batches of the first epoch, whole ones."""
    plan = material.plan(0)[:_MEASURED_BATCHES]
    batches = material.batches(plan, config.phases[0], epoch=0, first=0, rank=0, count=1)
    return (pictures for pictures, _ in batches)


def _start_objective(learner: Learner, material: Material, config: TrainConfig, say: Say) -> None:
    """On some pictures of everybody and, for a projection, some without labels."""
    phase, parts = config.phases[0], learner.objective.fitted_parts
    if not parts:
        return
    unlabelled = _SAMPLED_UNLABELLED if "projection" in parts else 0
    chosen = material.sample(per_person=_SAMPLED_OF_A_PERSON, unlabelled=unlabelled)
    embeddings = embed_crops(
        learner.model, material.training, height=phase.height, width=phase.width, numbers=chosen
    )
    learner.start_objective(torch.from_numpy(embeddings), torch.tensor(chosen))
    say(f"{' and '.join(parts)} start from {len(chosen)} pictures' embeddings")
