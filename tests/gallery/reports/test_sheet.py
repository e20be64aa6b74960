"""The contact sheet: what stands where, how right and wrong are told apart, and the file."""

import resource
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reid_gallery.gallery.errors import ReportError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.reports.answers import write_answer_sheet
from reid_gallery.gallery.reports.page import MAX_MATCHES, draw_page
from reid_gallery.gallery.reports.sheet import MAX_ROWS, SheetMatch, SheetRow, write_sheet

COLOURS = [(210, 30, 30), (30, 30, 210), (210, 210, 30), (120, 30, 160), (30, 160, 210)]
GREEN, ORANGE = (0, 132, 96), (204, 80, 0)


def crop(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((64, 32, 3), colour, np.uint8)


def match(at: int, **options) -> SheetMatch:
    values = {"picture": crop(COLOURS[at]), "pid": f"p{at}", "score": 0.9 - at / 10} | options
    return SheetMatch(**values)


def row(*matches: SheetMatch, **options) -> SheetRow:
    return SheetRow(query=crop((15, 15, 15)), matches=matches, **options)


@pytest.fixture
def draw(tmp_path):
    def draw_rows(*rows: SheetRow, **options) -> np.ndarray:
        write_sheet(tmp_path / "sheet.png", rows, **options)
        with Image.open(tmp_path / "sheet.png") as picture:
            assert (picture.format, picture.mode) == ("PNG", "RGB")
            return np.asarray(picture)

    return draw_rows


def where(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of a colour; the last of each is outside."""
    mask = (sheet == colour).all(axis=2)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def count(sheet: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((sheet == colour).all(axis=2).sum())


# -- what stands where -------------------------------------------------------------------------


def test_the_query_is_left_and_the_matches_follow_in_the_order_of_rank(draw):
    sheet = draw(row(*(match(at) for at in range(5))))
    places = [where(sheet, (15, 15, 15)), *(where(sheet, colour) for colour in COLOURS)]
    lefts = [left for _, _, left, _ in places]
    assert lefts == sorted(lefts)
    assert len({(top, bottom) for top, bottom, _, _ in places}) == 1  # all on one line
    assert len({(right - left, bottom - top) for top, bottom, left, right in places}) == 1
    gaps = np.diff(lefts)
    assert gaps[0] > gaps[1]  # the query stands apart
    assert len(set(gaps[1:].tolist())) == 1
    query = places[0]
    assert tuple(sheet[query[0], query[2] - 15]) != tuple(sheet[query[0], places[1][2] - 15])


def test_rows_stand_below_each_other(draw):
    sheet = draw(row(match(0)), row(match(1)), row(match(2)))
    tops = [where(sheet, COLOURS[at])[0] for at in range(3)]
    assert tops[1] - tops[0] == tops[2] - tops[1] > 224


def test_what_is_said_changes_the_picture(draw):
    plain = draw(row(match(0)))
    for other in (
        row(match(0), caption="0007"),
        row(match(0), verdict="threshold 0.41"),
        row(match(0), known=True),
        row(match(0), known=False),
        row(match(0, pid="other")),
        row(match(0, score=0.8)),
        row(match(0, camera="c1")),
        row(match(0, right=True)),
        row(match(0, right=False)),
    ):
        assert not np.array_equal(draw(other), plain)
    assert not np.array_equal(draw(row(match(0), known=True)), draw(row(match(0), known=False)))
    assert not np.array_equal(draw(row(match(0)), title="Another"), plain)


def test_rows_without_matches_and_sheets_without_rows(draw):
    assert draw(row()).shape[1] >= 600
    assert draw().shape[0] > 50


def test_only_the_first_matches_are_drawn(draw):
    many = [SheetMatch(picture=crop((200, at, 99)), pid=str(at), score=0.5) for at in range(30)]
    sheet = draw(row(*many))
    greens = {int(pixel[1]) for pixel in sheet[150, ::4] if (pixel[0], pixel[2]) == (200, 99)}
    drawn = sorted(greens)
    assert drawn == list(range(MAX_MATCHES))


# -- right and wrong ---------------------------------------------------------------------------


def test_marks_differ_in_colour_border_and_symbol(draw):
    sheet = draw(row(match(0, right=True), match(1, right=False), match(2)))

    def border(at: int) -> np.ndarray:
        """The line one pixel below a tile's picture, where no badge lies."""
        _, bottom, left, right = where(sheet, COLOURS[at])
        return sheet[bottom, left + 4 : right - 4]

    assert (border(0) == GREEN).all()  # solid
    orange = (border(1) == ORANGE).all(axis=1)
    changes = int(np.abs(np.diff(orange.astype(int))).sum())
    assert 0.3 < orange.mean() < 0.8
    assert changes >= 6  # dashed
    assert not ((border(2) == GREEN).all(axis=1) | (border(2) == ORANGE).all(axis=1)).any()

    def badge(at: int) -> np.ndarray:
        """The mark at a tile's corner, without its colours."""
        top, _, _, right = where(sheet, COLOURS[at])
        corner = sheet[top - 12 : top + 18, right - 18 : right + 12].astype(int)
        return (corner.min(axis=2) > 240) & (np.ptp(corner, axis=2) < 8)

    inner = (slice(8, 24), slice(8, 24))
    assert 5 < badge(0)[inner].sum() < 120
    assert 5 < badge(1)[inner].sum() < 120
    assert not np.array_equal(badge(0), badge(1))


def test_no_mark_and_no_legend_where_truth_is_unknown(draw):
    sheet = draw(row(match(0), match(1)), row(match(2)))
    assert count(sheet, GREEN) == count(sheet, ORANGE) == 0


# -- pictures ----------------------------------------------------------------------------------


def test_files_missing_pictures_and_tracklets(draw, tmp_path):
    Image.fromarray(crop(COLOURS[0])).save(tmp_path / "a.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    pictures = [tmp_path / "a.png", None, tmp_path / "gone.png", tmp_path / "bad.jpg"]
    matches = [SheetMatch(picture=p, pid=str(i), score=0.5) for i, p in enumerate(pictures)]
    sheet = draw(SheetRow(query=[tmp_path / "gone.png", crop(COLOURS[1])], matches=matches))
    assert count(sheet, COLOURS[0]) == 112 * 224
    assert count(sheet, COLOURS[1]) > 1000


@pytest.mark.parametrize(
    "pid", ["7" * 500, "张三", "Łukasz", "مريم", "a\nb", "\u2029", "\udcff", "👤", "", "\0"]
)
def test_any_pid_can_be_drawn(draw, pid):
    sheet = draw(
        row(match(0, pid=pid, camera=pid, right=True), caption=pid, verdict=pid), title=pid
    )
    assert count(sheet, COLOURS[0]) > 20_000


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: match(0, score=float("nan")), "the score of p0 is nan"),
        (lambda: match(0, picture=np.zeros((4, 4), np.uint8)), r"uint8\[4, 4\]; uint8\[h, w, 3\]"),
        (lambda: match(0, picture=np.zeros((4, 4, 3))), r"float64\[4, 4, 3\]"),
        (lambda: match(0, picture="a.jpg"), "is a str; an array or a Path was expected"),
        (lambda: SheetRow(query=[], matches=[], caption="who"), "the query 'who' has no picture"),
        (lambda: SheetRow(query=["a.jpg"], matches=[]), "is a str"),
    ],
)
def test_what_can_not_be_drawn_is_refused_when_it_is_built(make, reason):
    with pytest.raises(ReportError, match=reason):
        make()


# -- the file ----------------------------------------------------------------------------------


def test_too_many_rows_are_cut(tmp_path):
    one, two = (draw_page([row()] * number, title="", total=number) for number in (1, 2))
    assert write_sheet(tmp_path / "sheet.png", [row()] * (MAX_ROWS + 5)) == MAX_ROWS
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height == one.height + (MAX_ROWS - 1) * (two.height - one.height)


def test_a_cut_sheet_says_so():
    whole, cut = (draw_page([row()], title="", total=total) for total in (1, 3368))
    changed = np.flatnonzero((np.asarray(whole) != np.asarray(cut)).any(axis=(1, 2)))
    assert len(changed) > 0
    assert changed.max() < 96  # in the header


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet", "sheet.png.txt"])
def test_another_ending_is_an_error(tmp_path, name):
    with pytest.raises(ReportError, match=r"ends in \.png"):
        write_sheet(tmp_path / name, [])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ReportError, match=r"there is no folder .*gone; make it first"):
        write_sheet(tmp_path / "gone" / "sheet.png", [])


def test_a_folder_in_its_place_is_an_error(tmp_path):
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(ReportError, match="can't be written"):
        write_sheet(tmp_path / "sheet.png", [])
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_an_older_sheet_is_replaced_whole_or_stays(tmp_path):
    path = tmp_path / "sheet.PNG"
    write_sheet(path, [row(match(0))])
    first = path.read_bytes()
    write_sheet(path, [row(match(1))])
    second = path.read_bytes()
    assert second != first
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))  # as on a full disk
    try:
        with pytest.raises(ReportError, match="can't be written"):
            write_sheet(path, [row(match(2))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == second
    assert list(tmp_path.iterdir()) == [path]
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.PNG"]


def test_the_file_has_ordinary_permissions(tmp_path):
    write_sheet(tmp_path / "sheet.png", [])
    (tmp_path / "other").touch()
    assert (tmp_path / "sheet.png").stat().st_mode == (tmp_path / "other").stat().st_mode


# -- answers -----------------------------------------------------------------------------------


def test_answers_of_a_gallery_are_drawn_and_marked(tmp_path, tiny_model, crops):
    asked = [Path(crops / f"p{n}" / "3.png") for n in range(3)]
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll([str(crops / f"p{n}" / f"{v}.png") for n in range(6) for v in range(3)])
        answers = gallery.query(asked, k=3)
    write_answer_sheet(tmp_path / "unmarked.png", answers)
    write_answer_sheet(tmp_path / "marked.png", answers, true_pids=["p0", "p1", None])
    unmarked, marked = (
        np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("unmarked", "marked")
    )
    assert unmarked.shape == marked.shape
    assert count(unmarked, GREEN) == count(unmarked, ORANGE) == 0
    bottom = where(marked, GREEN)[1]
    assert marked.shape[0] * 0.5 < bottom < marked.shape[0] * 0.8  # two rows of three
    assert count(marked, ORANGE) > 0
