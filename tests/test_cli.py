"""The command line: what goes where, exit codes, and one line for an expected error."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from PIL import Image
from reid_gallery import cli
from reid_gallery.cli import ROOMS, build_app
from reid_gallery.gallery.commands import correcting
from reid_gallery.gallery.commands.terminal import parse_time_range
from reid_gallery.gallery.figures import draw_figures
from typer.testing import CliRunner

COMMAND = [sys.executable, "-c", "from reid_gallery.cli import main; main()"]


def run(*arguments, store=None, stdin=None, cwd=None):
    environment = dict(os.environ)
    environment.pop("REID_GALLERY_STORE", None)
    if store is not None:
        environment["REID_GALLERY_STORE"] = str(store)
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        env=environment,
        cwd=cwd,
        check=False,
    )


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "figures"
    draw_figures(folder, people=5, cameras=2, per_camera=2, seed=3)
    return folder


@pytest.fixture(scope="module")
def filled(tmp_path_factory, figures):
    store = tmp_path_factory.mktemp("cli") / "store"
    done = run("enroll", "--manifest", figures / "manifest.csv", store=store)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("enrolled 20, skipped 0")
    return store


@pytest.fixture
def own(tmp_path, filled):
    """A copy of the filled store, to change."""
    import shutil

    return shutil.copytree(filled, tmp_path / "own")


def records(done):
    assert done.returncode in {0, 3}, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_query_prints_json_as_documented(filled, figures):
    question = figures / "p001" / "cam1_1.jpg"
    (answer,) = records(run("query", question, "-k", 3, "--json", store=filled))
    assert answer["schema"] == "reid-gallery/query/1"
    assert answer["query"] == [str(question)]
    assert len(answer["model"]) == 64
    assert [match["rank"] for match in answer["matches"]] == [1, 2, 3]
    best = answer["matches"][0]
    assert (best["pid"], best["score"]) == ("p001", pytest.approx(1, abs=1e-4))
    assert set(best["sighting"]) == {"id", "path", "camera", "time", "tracklet"}
    assert best["sighting"]["camera"] == "cam1"
    decision = {"known", "threshold", "probability"}
    assert set(answer) == {"schema", "query", "model", "matches"} | decision


def test_query_prints_a_table_to_stdout_and_nothing_to_stderr(filled, figures):
    done = run("query", figures / "p001" / "cam1_1.jpg", store=filled)
    assert "p001" in done.stdout
    assert "1.000" in done.stdout
    assert done.stderr == ""


def test_query_reads_paths_from_stdin_and_reports_bad_ones(filled, figures, tmp_path):
    (tmp_path / "bad.jpg").write_text("no picture")
    lines = f"{figures}/p000/cam1_1.jpg\n{tmp_path}/bad.jpg\n{figures}/p002/cam2_1.jpg\n"
    done = run("query", "-", "--json", "-k", 1, store=filled, stdin=lines)
    assert done.returncode == 3
    assert [r["matches"][0]["pid"] for r in records(done)] == ["p000", "p002"]
    assert "bad.jpg" in done.stderr


def test_as_one_is_one_answer(filled, figures):
    (answer,) = records(run("query", f"{figures}/p002/*.jpg", "--as-one", "--json", store=filled))
    assert len(answer["query"]) == 4
    assert answer["matches"][0]["pid"] == "p002"


def test_reranked_answers_name_nobody_known(filled, figures):
    done = run("query", f"{figures}/p002/*.jpg", "--rerank", "--json", store=filled)
    assert [record["matches"][0]["pid"] for record in records(done)] == ["p002"] * 4
    assert {record["known"] for record in records(done)} == {None}
    done = run("query", f"{figures}/p002/*.jpg", "--rerank", "--min-score", 0.5, store=filled)
    assert done.returncode == 2
    assert "no cosines" in done.stderr


def test_filters_by_camera_and_time(filled, figures):
    question = figures / "p001" / "cam1_1.jpg"
    (answer,) = records(run("query", question, "--not-camera", "cam1", "--json", store=filled))
    assert {match["sighting"]["camera"] for match in answer["matches"]} == {"cam2"}
    (answer,) = records(run("query", question, "--until", "2001-01-01", "--json", store=filled))
    assert answer["matches"] == []
    done = run("query", question, "--since", "yesterday", store=filled)
    assert done.returncode == 2
    assert "ISO 8601" in done.stderr


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("2026-05-02", datetime(2026, 5, 2, 23, 59, 59, 999999, UTC)),
        ("20260502", datetime(2026, 5, 2, 23, 59, 59, 999999, UTC)),
        ("2026-05-02T10:00", datetime(2026, 5, 2, 10, tzinfo=UTC)),
        ("1777716000", datetime(2026, 5, 2, 10, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
    ],
)
def test_until_a_day_is_until_its_end(until, last):
    assert parse_time_range("2026-05-02", until) == (datetime(2026, 5, 2, tzinfo=UTC), last)


@pytest.mark.parametrize("option", ["--camera", "--not-camera"])
def test_a_camera_that_nobody_was_seen_by_is_warned_of(filled, figures, option):
    question = figures / "p001" / "cam1_1.jpg"
    done = run("query", question, option, "cma1", option, "cam2", "--json", store=filled)
    (answer,) = records(done)
    assert done.stderr == "warning: no sighting is of camera 'cma1'; there are cam1, cam2\n"
    (right,) = records(run("query", question, option, "cam2", "--json", store=filled))
    assert answer == right
    done = run("query", question, option, "two\nlines\udcff", store=filled)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)


def test_enroll_again_skips_and_another_name_conflicts(own, figures):
    done = run("enroll", figures, "--json", store=own)
    (report,) = records(done)
    assert len(report["skipped"]) == 20
    done = run("enroll", "--pid", "x", figures / "p000", store=own)
    assert done.returncode == 3
    assert "is enrolled as p000, not x" in done.stdout


def test_corrections_and_history(own):
    assert run("rename", "p000", "anna", store=own).returncode == 0
    assert run("merge", "anna", "p001", store=own).returncode == 0
    (anna,) = [r for r in records(run("list", "--json", store=own)) if r["pid"] == "anna"]
    assert anna["sightings"] == 8
    (person,) = records(run("show", "anna", "--json", store=own))
    ids = [s["id"] for s in person["sightings"]]
    (split,) = records(run("split", *ids[:2], "--to", "eve", "--json", store=own))
    assert (split["schema"], split["kind"]) == ("reid-gallery/change/1", "split")
    done = run("undo", split["seq"], store=own)
    assert done.stdout.startswith(f"change {split['seq'] + 1}: undid change {split['seq']}: gave 2")
    kinds = [r["kind"] for r in records(run("history", "--json", store=own))]
    assert kinds == ["undo", "split", "merge", "rename", "enroll"]
    done = run("undo", 1, store=own)
    assert done.returncode == 1
    assert "for good" in done.stderr
    done = run("remove", "anna", store=own)
    assert done.returncode == 1
    assert "--yes" in done.stderr
    (removal,) = records(run("remove", "anna", "--yes", "--json", store=own))
    assert len(removal["sightings"]) == 8
    assert run("verify", store=own).returncode == 0


def test_verify_says_what_differs_and_exits_3(own, figures):
    (own / "index" / "flat.index").write_bytes(b"torn")
    done = run("verify", store=own)
    assert done.returncode == 3
    assert "reid-gallery rebuild mends it" in done.stdout
    assert run("query", figures / "p000" / "cam1_1.jpg", store=own).returncode == 0
    assert run("verify", store=own).returncode == 0  # the query has mended it
    import sqlite3

    with sqlite3.connect(own / "gallery.sqlite3") as database:
        database.execute("DELETE FROM vectors_1 WHERE sighting_id = 3")
    database.close()
    done = run("verify", store=own)
    assert done.returncode == 3
    assert "no vector" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["list", "--store", "nowhere"], 1, "no store here"),
        (["show", "nobody"], 1, "nobody in the gallery is called"),
        (["query", "missing.jpg"], 3, "missing.jpg"),
        (["query"], 2, "Missing argument"),
        (["query", "x.jpg", "-k", "0"], 2, "-k"),
        (["bogus"], 2, "No such command"),
        (["enroll", "--layout", "bogus", "."], 1, "bogus"),
        (["remove"], 2, "name a person"),
        (["export", "all.xls"], 1, ".csv or .parquet"),
        (["query", "x.jpg", "--model", "none.onnx"], 1, "no such model"),
        (["undo", "99"], 1, "no change number 99"),
        (["undo", "9" * 30], 1, "no change number 999"),
        (["show", "\udcff"], 1, "nobody in the gallery is called"),
        (["show", "two\nlines"], 1, "nobody in the gallery is called"),
        (["export", "two\nlines.xls"], 1, ".csv or .parquet"),
        (["rename", "p000", "\udcff"], 1, "not Unicode"),
        (["import", "missing.csv"], 1, "No such file"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(filled, tmp_path, arguments, code, words):
    done = run(*arguments, store=filled, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if code == 1:
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["query", "x.jpg", "--min-score", "5"], "'--min-score'"),
        (["query", "x.jpg", "--min-score", "nan"], "'--min-score'"),
        (["query", "x.jpg", "--fpir", "2"], "'--fpir'"),
        (["query", "x.jpg", "--fpir", "nan"], "'--fpir'"),
        (["compare", "x.jpg", "y.jpg", "--fpir", "0"], "'--fpir'"),
        (["query", "x.jpg", "--sheet", "sheet.jpg"], "a name that ends in .png"),
        (["audit", "--sheet", "none/sheet.png"], "there is no folder none"),
        (["query", "x.jpg", "--rerank", "--pooling", "mean"], "--rerank takes no --min-score"),
        (["query", "x.jpg", "--since", "2026-05-02", "--until", "2026-05-01"], "later than"),
        (["query", "x.jpg", "--until", "soon", "--store", "nowhere"], "--until: time 'soon'"),
        (["enroll", ".", "--wait", "-3"], "'--wait'"),
        (["enroll", ".", "--wait", "nan"], "'--wait'"),
        (["history", "--limit", "-1"], "'--limit'"),
        (["undo", "0"], "0 is not in the range"),
        (["split", "--to", "x", "--", "-3"], "-3 is not in the range"),
        (["remove", "--sighting", "0", "--yes"], "'--sighting'"),
        (["figures", "drawn", "--people", "0"], "'--people'"),
        (["figures", "drawn", "--seed", "-1"], "'--seed'"),
        (["evaluate", "--seed", "-1"], "'--seed'"),
        (["hypersphere", "--out", "h", "--seed", "9" * 30], "'--seed'"),
        (["prepare", ".", "--out", "m.csv", "--validation-share", "1"], "'--validation-share'"),
        (["prepare", ".", "--out", "m.csv", "--drop-quantile", "nan"], "'--drop-quantile'"),
        (["prepare", ".", "--out", "m.csv", "--sample", "-1"], "'--sample'"),
        (["train", "--out", "r", "--data", ".", "--epochs", "0"], "'--epochs'"),
        (["model", "adopt", "x.onnx", "--size", "0x0"], "size must be in 1..4096"),
    ],
)
def test_numbers_that_can_not_be_meant_are_wrong_usage(arguments, words):
    done = CliRunner().invoke(build_app(), arguments)
    assert done.exit_code == 2, done.output
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_each_command_is_where_it_is_looked_for():
    found = []
    for names in ROOMS.values():
        for name in names:
            assert tuple(typer.main.get_command(build_app(name)).commands) == names
        found += names
    assert list(typer.main.get_command(build_app()).commands) == found


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "reid-gallery")


def test_v_shows_the_traceback(tmp_path):
    done = run("list", "--store", tmp_path / "nowhere", "-v")
    assert "Traceback" in done.stderr


def test_export_and_import(filled, tmp_path):
    assert run("export", tmp_path / "all.csv", store=filled).returncode == 0
    assert run("import", tmp_path / "all.csv", store=tmp_path / "new").returncode == 0
    assert (
        run("list", "--json", store=tmp_path / "new").stdout
        == run("list", "--json", store=filled).stdout
    )


def test_compare(figures, filled):
    done = run("compare", figures / "p000" / "cam1_1.jpg", figures / "p000" / "cam1_1.jpg")
    assert done.stdout.startswith("score 1.000")


def test_compare_asks_the_model_of_the_store(figures, tmp_path):
    a, b = figures / "p000" / "cam1_1.jpg", figures / "p001" / "cam2_1.jpg"
    mirrored, store = tmp_path / "mirrored.onnx", tmp_path / "store"
    assert run("model", "mirror", "default", "--out", mirrored).returncode == 0
    assert run("enroll", "--pid", "x", a, "--model", mirrored, store=store).returncode == 0
    of_store, of_model, of_default = (
        records(run("compare", a, b, "--json", *model, store=where))[0]["score"]
        for where, model in ((store, ()), (None, ("--model", mirrored)), (None, ()))
    )
    assert of_store == of_model != of_default
    none = tmp_path / "none"
    assert records(run("compare", a, b, "--json", store=none))[0]["score"] == of_default
    assert "no store here" in run("compare", a, b, "--store", none).stderr


def test_an_interrupt_exits_with_130_and_loses_nothing(figures, tmp_path):
    many = draw_figures(tmp_path / "many", people=12, cameras=3, per_camera=4, seed=9)
    assert len(many) == 144
    # Started in a shell's background, the tests ignore the signal, and so would what they start.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    python, option, code = COMMAND
    command = [python, option, heeding + code]
    process = subprocess.Popen(
        [*command, "enroll", str(tmp_path / "many"), "--store", str(tmp_path / "store")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "store" / "gallery.sqlite3").exists():
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert run("verify", "--store", tmp_path / "store").returncode == 0


def test_an_interrupted_enrolment_says_how_far_it_came_and_goes_on(figures, tmp_path):
    script = f"""
from reid_gallery import cli
from reid_gallery.gallery import enrolling

class Stops(enrolling.Enrolment):
    def _finish(self, batch, waits, progress):
        if self.enrolled:
            raise KeyboardInterrupt  # as Ctrl-C does between two batches
        super()._finish(batch, waits, progress)

enrolling.BATCH = 8
from reid_gallery.gallery import facade
facade.Enrolment = Stops
cli.main(["enroll", {str(figures)!r}, "--store", {str(tmp_path / "store")!r}])
"""
    stopped = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert stopped.returncode == 130, stopped.stderr
    assert "interrupted: at least 8 pictures are enrolled" in stopped.stderr
    rest = run("enroll", figures, store=tmp_path / "store")
    assert rest.stdout.startswith("enrolled 12, skipped 8")


def test_a_manifest_that_a_folder_holds_is_spoken_of_when_it_is_not_read(figures, tmp_path):
    manifest = figures / "manifest.csv"
    told = f"warning: {manifest} lies there and is not read; to read it, give it for its folder"
    folder = run("enroll", figures, store=tmp_path / "folder")
    assert folder.stderr.splitlines() == [told]
    assert run("enroll", "--manifest", manifest, store=tmp_path / "store").stderr == ""
    # By then it is late: what is enrolled gets no cameras any more, and that is said.
    again = run("enroll", manifest, store=tmp_path / "folder")
    assert again.stdout.startswith("enrolled 0, skipped 20")
    assert "20 of the skipped pictures come with a camera, time or tracklet" in again.stderr
    assert run("enroll", manifest, store=tmp_path / "store").stderr == ""
    judged = run("evaluate", figures)
    assert told in judged.stderr
    assert "neither cameras nor tracklets are known" in judged.stdout
    assert "neither cameras" not in run("evaluate", manifest).stdout


def test_a_sheet_never_overwrites_a_picture_that_is_asked_about(filled, figures, tmp_path):
    picture = tmp_path / "asked.png"
    Image.open(figures / "p001" / "cam1_1.jpg").save(picture)
    before = picture.read_bytes()
    done = run("query", picture, "--sheet", picture, store=filled)
    assert done.returncode == 2
    assert "would overwrite" in done.stderr
    assert picture.read_bytes() == before


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_takes_what_it_is_given(filled, closed):
    command = shlex.join([*COMMAND, "stats", "--store", str(filled)])
    done = subprocess.run(
        f"{command} {closed}", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ("sightings" in done.stdout) == (closed == "2>&-")


def test_a_closed_stdin_is_an_empty_one(filled):
    for words in (["remove", "p000"], ["query", "-"]):
        command = shlex.join([*COMMAND, *words, "--store", str(filled)])
        done = subprocess.run(
            f"{command} <&-", shell=True, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert "--yes" in done.stderr or "stdin: the list of paths is empty" in done.stderr


def test_json_is_json_where_stdout_takes_no_unicode(filled):
    command = shlex.join([*COMMAND, "list", "--json", "--store", str(filled)])
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    renamed = run("rename", "p001", "José", store=filled)
    try:
        done = subprocess.run(
            command, shell=True, capture_output=True, env=environment, check=False
        )
    finally:
        run("undo", store=filled)
    assert (renamed.returncode, done.returncode) == (0, 0)
    assert "José" in {json.loads(line)["pid"] for line in done.stdout.splitlines()}


def test_a_name_too_long_to_be_looked_at_fails_alone(figures, tmp_path):
    store, long = tmp_path / "store", f"{'x' * 300}.jpg"
    done = run("enroll", figures / "p001", long, "--pid", "p", store=store)
    assert done.returncode == 3
    assert "File name too long" in done.stdout
    assert json.loads(run("list", "--json", store=store).stdout)["sightings"] == 4


def test_a_model_at_an_unknown_users_home_is_not_found(tmp_path):
    for words in (["model", "show"], ["model", "use"]):
        done = run(*words, "~nobody-of-this-name/x.onnx")
        assert done.returncode == 1
        assert "not foreseen" not in done.stderr


def test_undo_undoes_what_it_asked_about(figures, tmp_path, monkeypatch):
    place = tmp_path / "store"
    assert run("enroll", figures / "p001", "--pid", "first", store=place).returncode == 0

    def agree_late(question, yes):
        asked.append(question)
        assert run("enroll", figures / "p002", "--pid", "late", store=place).returncode == 0

    asked = []
    monkeypatch.setattr(correcting, "confirm", agree_late)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert cli.run(["undo", "--store", str(place)]) == 0
    assert asked == ["undoing change 1 deletes its 4 sightings for good. Go on?"]
    people = run("list", "--json", store=place).stdout.splitlines()
    assert [json.loads(line)["pid"] for line in people] == ["late"]


def test_an_interrupt_that_a_library_wraps_is_one_too():
    script = """
import sys
from reid_gallery import cli

def wraps(*_, **__):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as interrupt:
        raise ImportError("initialization failed") from interrupt

cli.build_app = wraps
cli.main([])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_a_long_path_is_one_line_in_a_pipe(tmp_path, figures):
    folder = tmp_path / "a" / ("b" * 120) / ("c" * 120)
    folder.mkdir(parents=True)
    path = folder / "picture.jpg"
    path.write_bytes((figures / "p001" / "cam1_1.jpg").read_bytes())
    run("enroll", "--pid", "anna", path, store=tmp_path / "store")
    for words in (["show", "anna"], ["query", path]):
        assert str(path) in run(*words, store=tmp_path / "store").stdout


def test_a_closed_pipe_is_no_error(filled, figures):
    line = f"{' '.join(map(repr, COMMAND))} list --store {filled} --json | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["list"], ["rename", "p000", "b"], ["list", "--json"]])
def test_output_that_cannot_be_written(own, words):
    line = f"{shlex.join([*COMMAND, *words])} --store {own}"
    full = subprocess.run(
        ["bash", "-c", f"{line} > /dev/full"], capture_output=True, text=True, check=False
    )
    assert (full.returncode, full.stderr.count("\n")) == (1, 1), full.stderr
    assert "No space left" in full.stderr
    closed = subprocess.run(
        ["bash", "-c", f"{line.replace('p000 b', 'b c')} | true; exit $PIPESTATUS"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (closed.returncode, closed.stderr) == (0, "")


def test_any_name_can_be_given_and_printed(own, monkeypatch, tmp_path):
    renamed = run("rename", "--", "p000", "-v", store=own).stdout
    assert renamed.endswith(": renamed p000 to -v\n")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert run("rename", "--", "-v", "[red]Łukasz", store=own).returncode == 0
    done = run("list", store=own)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[red]\\u0141ukasz" in done.stdout
    assert run("export", tmp_path / "\udcff.csv", store=own).returncode == 0


def test_a_current_folder_that_is_gone_is_an_error_in_one_line(filled, tmp_path):
    line = f"cd {tmp_path}; mkdir x; cd x; rmdir ../x; {shlex.join(COMMAND)}"
    for words in ("enroll a.jpg --pid x", "query a.jpg"):
        done = subprocess.run(
            ["bash", "-c", f"{line} {words} --store {filled}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "current folder" in done.stderr


def test_the_default_store_is_in_the_users_data_directory(tmp_path, figures):
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    environment.pop("REID_GALLERY_STORE", None)
    done = subprocess.run(
        [*COMMAND, "enroll", str(figures / "p000")],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert (Path(tmp_path) / "reid-gallery" / "gallery.sqlite3").exists()


@pytest.mark.parametrize("room", [(), ("model",), ("train",)])
def test_lists_of_commands_are_not_cut(room):
    _, *lines = run(*room, "--help").stdout.splitlines()  # the first says COMMAND [ARGS]...
    assert "Commands:" in lines
    assert not [line for line in lines if line.endswith("...")]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--out run", "--data names what to train on"),
        (
            "--out run --data a --data b --data c --layout x --layout y",
            "3 sources but 2 --layout",
        ),
        ("--out run --data a --time-budget soon", "'--time-budget': 'soon' is no length of time"),
        ("--out run --data a --time-budget 0m", "'--time-budget': '0m' is no time at all"),
    ],
)
def test_a_training_that_is_asked_for_wrongly_is_refused_before_torch_is_loaded(
    tmp_path, arguments, reason
):
    program = (
        "import sys; from reid_gallery.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "print('torch' in sys.modules)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "train", *arguments.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.split())
    assert done.stdout.strip() == "False"
