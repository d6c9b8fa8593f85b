"""Plots as SVG files, with matplotlib (optional: `pip install -e 'Training[plot]'`)."""

from __future__ import annotations

import json
from pathlib import Path


def _pyplot():
    try:
        import matplotlib
    except ImportError as error:
        raise ValueError(f"{error}: plots need matplotlib; pip install -e 'Training[plot]'") from error
    matplotlib.use("svg")
    # Text stays text, and the same points give the same bytes.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tandem", "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib import pyplot

    return pyplot


def draw_series(
    title: str, series: dict[str, list[tuple[float | str, float]]], path: Path,
    xlabel: str = "", ylabel: str = "word error rate on dev, %", logarithmic: bool = False, ordered: bool = True, names: list[str] | None = None,
) -> None:
    """Lines of points; x may be numbers or names, which then stand in the order of `names`, or of their first appearance. Names that
    have no order of their own (not `ordered`) get points without a line between them."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    places = names or list(dict.fromkeys(x for points in series.values() for x, _ in points if isinstance(x, str)))
    if places:
        axes.set_xticks(range(len(places)), places, **({} if ordered else {"rotation": 30, "ha": "right"}))
        axes.set_xlim(-0.4, len(places) - 0.6)
    for name, points in series.items():
        points = sorted((places.index(x) if places else x, y) for x, y in points)
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=4 if ordered else 6, linewidth=1.4 if ordered else 0, label=name)
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.set_title(title, fontsize=10, loc="left", wrap=True)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def draw_lines(title: str, panels: list[tuple[str, list[str], dict[str, list[float | None]]]], path: Path, ordered: bool = True) -> None:
    """Panels side by side, each (label of its axis, names along x, lines of as many values; None leaves a gap).

    Names that have no order of their own get points without a line between them. Panels with the same lines share a legend.
    """
    pyplot = _pyplot()
    figure, every = pyplot.subplots(1, len(panels), figsize=(6.5 * len(panels), 4.5), squeeze=False)
    for axes, (label, names, lines) in zip(every[0], panels):
        for name, values in lines.items():
            heights = [float("nan") if value is None else value for value in values]
            axes.plot(names, heights, marker="o", markersize=4 if ordered else 6, alpha=1 if ordered else 0.8, linewidth=1.4 if ordered else 0, label=name)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.tick_params(axis="x", labelrotation=30 if max(map(len, names), default=0) > 8 else 0)
        axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    if all(list(lines) == list(panels[0][2]) for _, _, lines in panels):
        every[0][-1].legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        for axes in every[0]:
            axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.subplots_adjust(wspace=0.5)
    figure.suptitle(title, fontsize=10, x=0.05, ha="left")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def draw_run(log: Path, path: Path) -> None:
    """A run's losses and dev word error rates over its steps, from log.jsonl."""
    losses: dict[str, list[tuple[float, float]]] = {}
    rates: dict[str, list[tuple[float, float]]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "dev" in record:
            for name, sets in record["dev"].items():
                rates.setdefault(name, []).append((record["step"], 100 * sets["all"]))
        elif "total" in record:
            for name, value in record.items():
                if name.startswith("exit") or name in ("second-ctc", "transducer", "phones", "attention", "masked"):
                    losses.setdefault(name, []).append((record["step"], value))
    pyplot = _pyplot()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.5))
    for axes, lines, label in ((left, losses, "loss a token"), (right, rates, "word error rate on dev, greedy, %")):
        for name, points in lines.items():
            axes.plot([x for x, _ in points], [y for _, y in points], linewidth=1.2, marker="o" if axes is right else None, markersize=3, label=name)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0, top=min(8, max((y for points in lines.values() for _, y in points), default=1)) if axes is left else None)
        axes.grid(linewidth=0.4, alpha=0.6)
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
