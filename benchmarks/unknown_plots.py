"""The plots of docs/unknown.md: small, and told apart without colour."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from openset import resample
from reid_gallery.gallery.reports.palette import COLOURS
from unknown_tables import balance

BLUE, ORANGE, GREEN, PURPLE, *_ = COLOURS

MARKERS = {1: ("o", BLUE), 2: ("s", ORANGE), 5: ("^", GREEN)}

OTHERS = {"Market, own place": ("D", "k"), "VIPeR": ("x", PURPLE), "GRID": ("+", "0.5")}


def draw_plots(
    folder: Path,
    rows: Sequence[dict],
    tracklets: Sequence[dict],
    across: dict[str, Sequence[dict]],
    probabilities: Sequence[tuple],
) -> None:
    """Draw all plots into a folder."""
    mpl.use("Agg")
    plt.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    folder.mkdir(parents=True, exist_ok=True)
    draw_realised(folder / "unknown-fpir.png", rows, across)
    draw_tracklets(folder / "unknown-tracklets.png", tracklets)
    draw_odds(folder / "unknown-odds.png", probabilities)


def draw_realised(path: Path, rows: Sequence[dict], across: dict[str, Sequence[dict]]) -> None:
    """Realised over nominal FPIR by gallery size, for 10 % and 1 %."""
    figure, panels = plt.subplots(1, 2, figsize=(7.4, 3.8), sharey=True, layout="constrained")
    for panel, fpir in zip(panels, (0.10, 0.01), strict=True):
        panel.axhspan(0.5, 1.5, color="0.9", zorder=0)
        panel.axhline(1, color="0.4", linewidth=0.8)
        for sightings, (marker, colour) in MARKERS.items():
            mine = [r for r in rows if r["fpir"] == fpir and r["cell"].sightings == sightings]
            _draw_line(
                panel,
                mine,
                fpir,
                (marker, colour),
                f"Market, {sightings} sighting{'s' * (sightings > 1)} each",
            )
        for name, style in OTHERS.items():
            mine = [r for r in across[name] if r["fpir"] == fpir and r["cell"].sightings == 1]
            _draw_line(panel, mine, fpir, style, f"{name}, 1 sighting each")
        panel.set(xscale="log", yscale="log", title=f"nominal {fpir:.0%}", xlabel="people")
        panel.set_xticks([10, 50, 100, 300, 700], ["10", "50", "100", "300", "700"])
        panel.set_yticks([0.1, 0.5, 1, 1.5, 5, 10], ["0.1", "0.5", "1", "1.5", "5", "10"])
        panel.set_ylim(0.08, 12)
        panel.minorticks_off()
    panels[0].set_ylabel("realised FPIR / nominal")
    figure.legend(
        *panels[0].get_legend_handles_labels(), fontsize=7, loc="outside lower center", ncols=3
    )
    _save(figure, path)


def _draw_line(
    panel: plt.Axes, rows: Sequence[dict], fpir: float, style: tuple[str, str], label: str
) -> None:
    marker, colour = style
    shift = {"o": 0.96, "s": 1.0, "^": 1.04}.get(marker, 1.0)
    sizes = [row["cell"].people * shift for row in rows]
    named = np.array([row["named"] for row in rows]) / fpir
    low = np.array([row["low"] for row in rows]) / fpir
    high = np.array([row["high"] for row in rows]) / fpir
    seen = np.maximum(named, 0.05)
    spread = [np.maximum(seen - low, 0), np.maximum(high - seen, 0)]
    panel.errorbar(
        sizes, seen, spread, marker=marker, color=colour, label=label, linewidth=1, markersize=4
    )


def draw_tracklets(path: Path, rows: Sequence[dict]) -> None:
    """FNIR of queries of 1, 4 and 8 pictures, of people with two sightings."""
    figure, panels = plt.subplots(1, 2, figsize=(7.2, 2.8), sharey=True, layout="constrained")
    hatches = {1: ("", "0.75"), 4: ("//", BLUE), 8: ("xx", ORANGE)}
    shown = [row for row in rows if row["cell"].sightings == 2]
    sizes = sorted({row["cell"].people for row in shown})
    for panel, fpir in zip(panels, (0.10, 0.01), strict=True):
        for offset, (pictures, (hatch, colour)) in enumerate(hatches.items()):
            mine = [r for r in shown if r["fpir"] == fpir and r["cell"].pictures == pictures]
            at = np.arange(len(mine)) + 0.27 * (offset - 1)
            label = f"{pictures} pictures" if pictures > 1 else "1 picture"
            heights = np.array([r["lost"] for r in mine])
            spread = [heights - [r["low"] for r in mine], [r["high"] for r in mine] - heights]
            panel.bar(
                at,
                100 * heights,
                0.25,
                yerr=100 * np.maximum(spread, 0),
                error_kw={"elinewidth": 0.8},
                color=colour,
                hatch=hatch,
                edgecolor="k",
                label=label,
            )
        panel.set_xticks(np.arange(len(sizes)), map(str, sizes))
        panel.set(title=f"nominal FPIR {fpir:.0%}", xlabel="people", ylim=(0, 100))
    figure.suptitle("Market-1501, two sightings a person", fontsize=9)
    panels[0].set_ylabel("FNIR, %")
    panels[0].legend(fontsize=7, loc="upper left")
    _save(figure, path)


def draw_odds(path: Path, probabilities: Sequence[tuple]) -> None:
    """How often the first identity was right, by the probability given; bars by resampled people.

    Each of ``probabilities`` is one cell's: float64[n] given, bool[n] right, bool[n] mated and
    int64[n], who asks.
    """
    given, right, _, probe = (np.concatenate(c) for c in zip(*probabilities, strict=True))
    box = np.clip((given * 10).astype(int), 0, 9)
    shares = []
    for weight in resample(probe, 200):
        weights = np.concatenate([balance(of, weight[who]) for _, _, of, who in probabilities])
        total = np.bincount(box, weights, minlength=10)
        shares.append(np.bincount(box, weights * right, minlength=10) / total)
        if len(shares) == 1:
            mean = np.bincount(box, weights * given, minlength=10) / total
    low, high = np.quantile(shares[1:], [0.025, 0.975], axis=0)
    figure, panel = plt.subplots(figsize=(3.4, 3.2), layout="constrained")
    panel.plot([0, 1], [0, 1], color="0.5", linewidth=0.8)
    around = np.maximum(0, [shares[0] - low, high - shares[0]])
    panel.errorbar(mean, shares[0], around, marker="o", color=BLUE, linewidth=1, markersize=4)
    panel.set(xlabel="probability given", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)
