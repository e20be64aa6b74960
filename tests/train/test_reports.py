"""The report of a run, and the comparison of several; on runs of seconds."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reid_gallery.gallery.errors import TrainingError
from reid_gallery.gallery.evaluation.embedding import embed_files
from reid_gallery.gallery.evaluation.intervals import Interval, bootstrap_interval
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.train.api import train
from reid_gallery.train.export import build_graph, load_served_model
from reid_gallery.train.held_out import rank_held_out
from reid_gallery.train.material import split_of_run
from reid_gallery.train.reports import cost
from reid_gallery.train.reports.compare import compare_runs
from reid_gallery.train.reports.comparison import (
    comparison_records,
    comparison_table,
    draw_comparison,
)
from reid_gallery.train.reports.cost import count_flops, count_parameters, measure_speeds
from reid_gallery.train.reports.curves import draw_curves, place_records
from reid_gallery.train.reports.report import repeat_command, write_report
from reid_gallery.train.reports.worst import worst_people
from reid_gallery.train.run_folder import read_description
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(cost, "_SECONDS", 0.1)


@pytest.fixture(scope="module")
def run(tmp_path_factory, people, tiny_config):
    """A finished run on two copies of the people, joined."""
    out = tmp_path_factory.mktemp("a run") / "first run"
    train(sources=[(people, "folders"), (people, "folders")], out=out, recipe=tiny_config())
    return out


@pytest.fixture(scope="module")
def held_out(run):
    pictures = split_of_run(run).validation
    embeddings = embed_files(Extractor.load(run / "model.onnx"), [p.path for p in pictures])
    return pictures, embeddings, rank_held_out(embeddings, pictures)


def test_the_report_has_its_parts(run):
    page = write_report(run)
    text = page.read_text()
    for part in ("# first run", "## Curves", "## Held-out people", "## To repeat it", "| mean |"):
        assert part in text
    for name in ("curves.png", "worst.png"):
        assert f"({name})" in text
        with Image.open(page.parent / name) as picture:
            assert min(picture.size) > 300
    assert write_report(run) == page  # again, over the old one


def test_figures_and_intervals_are_means_over_sources(held_out):
    _, _, result = held_out
    parts = list(result.sources.values())
    assert len(parts) == 2
    assert result.figure("map") == pytest.approx(np.mean([part.map for part in parts]))
    low, high = result.interval("map")
    assert low <= result.figure("map") <= high
    alone = type(result)({"0": parts[0]}, 1)
    assert alone.interval("map") == bootstrap_interval(
        parts[0].average_precision, parts[0].pids, seed=0
    )


def test_the_worst_come_first(held_out):
    pictures, _, result = held_out
    worst = worst_people(result, pictures)
    means = [mean for _, mean, _ in worst]
    assert means == sorted(means)
    everyone = {
        person: part.average_precision[part.pids == person].mean()
        for part in result.sources.values()
        for person in part.pids
    }
    assert means[0] == pytest.approx(min(everyone.values()))
    for person, mean, query in worst:
        assert pictures[query].person == person
        assert mean == pytest.approx(everyone[person])


def test_the_command_repeats_the_run(run):
    words = repeat_command(run, read_description(run)[1])
    assert f"'{run.resolve()}/config.toml'" in words
    assert words.count("--data") == words.count("--layout folders") == 2
    data = replace(read_description(run)[1], unlabelled=(Path("views"), Path("more")))
    assert "--unlabelled views --unlabelled more" in repeat_command(run, data)


def test_a_report_without_what_it_needs(run, tmp_path):
    with pytest.raises(TrainingError):
        write_report(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    tree = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**tree, "fingerprint": "other"}))
    shutil.rmtree(copy / "report", ignore_errors=True)
    assert "Not measured: " in write_report(copy).read_text()
    assert not (copy / "report" / "worst.png").exists()
    gone = {**tree, "sources": [[str(tmp_path / "gone"), "folders"]]}
    (copy / "run.json").write_text(json.dumps(gone))
    assert "Not measured: " in write_report(copy).read_text()
    (copy / "model.onnx").unlink()
    assert "not exported yet" in write_report(copy).read_text()
    (copy / "metrics.jsonl").unlink()
    with pytest.raises(TrainingError, match="nothing was trained yet"):
        write_report(copy)


def test_records_of_older_runs_find_their_place(tmp_path):
    records = [
        {"step": 4, "losses": {"total": 2.0, "head": 1.0}, "learning_rate": 0.1, "scale": 20},
        {"epoch": 1, "validation": {"map": 0.5, "rank1": 0.6, "map_interval": [0.4, 0.6]}},
        {"step": 9, "losses": {"total": 1.0}, "learning_rate": 0.05, "scale": 18},
    ]
    assert [record["step"] for record in place_records(records)] == [4, 4, 9]
    draw_curves(records, tmp_path / "with.png")
    without = [{k: v for k, v in record.items() if k != "scale"} for record in records]
    draw_curves(without, tmp_path / "without.png")
    heights = [Image.open(tmp_path / f"{name}.png").height for name in ("with", "without")]
    assert heights[0] > heights[1]


def test_operations_are_those_that_torch_counts(run):
    served, _ = load_served_model(run / "best.safetensors")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        served(torch.zeros(1, 256, 128, 3, dtype=torch.uint8))
    graph = build_graph(served)
    assert count_flops(graph) == counter.get_total_flops()
    tensors = [*served.parameters(), served.rows, served.columns]  # the last two make its size
    wanted = sum(tensor.numel() for tensor in tensors)
    assert count_parameters(graph) == pytest.approx(wanted, rel=0.05)


def test_speeds_are_measured_in_turns(run):
    extractor = Extractor.load(run / "model.onnx")
    first, second = measure_speeds([extractor, extractor], 4)
    assert 0.3 < first / second < 3


def test_runs_are_compared(run, tmp_path, people, tiny_config, held_out):
    other = tmp_path / "other"
    train(sources=[(people, "folders")], out=other, recipe=tiny_config(seed=6))
    compared = compare_runs([run, other])
    assert [model.same_people for model in compared] == [True, False]
    assert compared[0].map == held_out[2].figure("map")
    table = comparison_table(compared)
    assert "| other \\* |" in table
    assert "can't be compared" in table
    assert "\\*" not in comparison_table(compared[:1])
    assert comparison_records(compared)[0]["parameters"] == compared[0].parameters
    unsure = replace(compared[0], map_interval=Interval(math.nan, math.nan))
    assert f"| {100 * unsure.map:.1f} | " in comparison_table([unsure])
    assert comparison_records([unsure])[0]["map_interval"] == [None, None]
    draw_comparison([*compared, unsure], tmp_path / "comparison.png")
    with Image.open(tmp_path / "comparison.png") as picture:
        assert picture.width > 1000
    (other / "model.onnx").unlink()
    with pytest.raises(TrainingError, match=r"has no model\.onnx; export it"):
        compare_runs([run, other])


def test_an_8_bit_file_of_another_export_is_refused(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.copy(copy / "model.onnx", copy / "model-int8.onnx")
    with pytest.raises(TrainingError, match=r"made of another .* make it again"):
        compare_runs([copy])
