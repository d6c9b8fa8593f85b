"""From Benchmarks/results/english.jsonl, which Benchmarks/english.sh writes, to tables and plots: the model card's figures,
exit selection (experiment 2), word errors and exit depth against noise (5), and what language models and the lexicon bring (6).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from .plot import draw_lines

ORDER = (
    "wake-word", "fsdd", "speech-commands", "an4", "speechocean762", "ljspeech", "vctk", "librispeech", "librispeech-other", "common-voice", "sentences", "pooled",
)
SEARCHES = (
    ("greedy", "greedy, no language model"),
    ("without-language-model", "beam of 8 at the edge, no language model"),
    ("device-language-model", "the device's language model, at the exits and at the edge"),
    ("shipped", "the edge's language model at the edge (ships)"),
    ("lexicon", "the edge's language model, and only words of a lexicon everywhere"),
)


class MeasurementsError(Exception):
    """What is missing in a results file or a card, and how to get it."""


@dataclass(frozen=True)
class Measurements:
    """Rows of the results file by measurement ("shipped-dev"), set and path."""

    rates: dict[tuple[str, str, str], dict]
    stops: dict[tuple[str, str], dict]
    comparisons: dict[tuple[str, str, str], dict]
    phrases: dict[str, list[dict]]
    criteria: dict[str, dict]
    calibration: dict[int, dict]

    @staticmethod
    def load(path: Path) -> "Measurements":
        found = Measurements({}, {}, {}, {}, {}, {})
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            name, row = record["measurement"], record["result"]
            if "wordErrorRate" in row:
                found.rates[name, row["set"], row["path"]] = row
            elif "averageDepth" in row:
                found.stops[name, row["set"]] = row
            elif "difference" in row:
                found.comparisons[name, row["set"], row["path"]] = row
            elif row.get("result") == "exit-selection":
                found.criteria[row["criterion"]] = row
            elif row.get("result") == "exit-calibration":
                found.calibration[row["exit"]] = row
            elif "phrase" in row:
                found.phrases.setdefault(name, []).append(row)
        if not found.rates:
            raise MeasurementsError(f"{path}: holds no word error rates; run Benchmarks/english.sh dev")
        return found

    def sets(self, measurement: str) -> list[str]:
        """In the order in which they are told."""
        named = {set for name, set, _ in self.rates if name == measurement}
        return sorted(named, key=lambda set: (ORDER.index(set) if set in ORDER else len(ORDER), set))

    def exits(self, measurement: str) -> list[str]:
        return sorted({path for name, _, path in self.rates if name == measurement and path.startswith("exit-")})

    def cell(self, measurement: str, set: str, path: str) -> str:
        """`12.3 (11.0–13.7)`: percent and a 95 % interval; empty where it was not measured."""
        row = self.rates.get((measurement, set, path))
        return f"{100 * row['wordErrorRate']:.1f} ({100 * row['low']:.1f}–{100 * row['high']:.1f})" if row else ""

    def percent(self, measurement: str, set: str, path: str) -> float | None:
        row = self.rates.get((measurement, set, path))
        return 100 * row["wordErrorRate"] if row else None


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def error_rates(found: Measurements, split: str) -> str:
    """Every exit and the edge on every set of a split, with intervals; Whisper beside them where it was asked."""
    shipped = f"shipped-{split}"
    exits = found.exits(shipped)
    peer = any(path == "whisper-tiny" for _, _, path in found.rates)
    head = ["set", "utterances / words", *(path.replace("-", " ") for path in exits), "edge, greedy", "edge, as shipped"]
    rows = []
    for set in found.sets(shipped):
        row = found.rates[shipped, set, "edge"]
        cells = [set, f"{row['utterances']} / {row['words']}", *(found.cell(shipped, set, path) for path in exits)]
        cells += [found.cell(f"greedy-{split}", set, "edge"), found.cell(shipped, set, "edge")]
        rows.append(cells + ([found.cell(f"greedy-{split}", set, "whisper-tiny")] if peer else []))
    return table(head + (["Whisper tiny.en"] if peer else []), rows)


def wake_phrases(found: Measurements, split: str) -> str:
    rows = []
    listed = found.phrases.get(f"shipped-{split}", [])
    exits = found.exits(f"shipped-{split}")
    for phrase in dict.fromkeys(row["phrase"] for row in listed):
        by_path = {row["path"]: row for row in listed if row["phrase"] == phrase}
        cells = [phrase]
        for path in (exits[-1], "edge"):
            row = by_path[path]
            cells.append(f"{row['found']} of {row['said']}, {row['falseAccepts']} in {row['otherHours']:.2f} h")
        rows.append(cells)
    return table(["phrase", "last exit: found, false accepts", "edge: found, false accepts"], rows)


def searches(found: Measurements, split: str = "dev") -> str:
    """Experiment 6: what the language models and the lexicon bring, last exit and edge."""
    there = [(name, label) for name, label in SEARCHES if (f"{name}-{split}", "pooled", "edge") in found.rates]
    last = found.exits(f"shipped-{split}")[-1]
    sets = found.sets(f"shipped-{split}")
    rows = []
    for name, label in there:
        for path in (last, "edge"):
            rows.append([label, path.replace("-", " "), *(f"{found.percent(f'{name}-{split}', set, path):.1f}" for set in sets)])
    return table(["search", "path", *sets], rows)


def noise_levels(found: Measurements, split: str = "dev") -> list[tuple[float | None, str]]:
    """Decibels and measurement, from clean (None) to the noisiest."""
    levels = {float(match[1]) for name, _, _ in found.rates if (match := re.fullmatch(rf"noise-(-?[0-9.]+)-{split}", name))}
    return [(None, f"shipped-{split}")] + [(level, f"noise-{level:g}-{split}") for level in sorted(levels, reverse=True)]


def noise(found: Measurements, split: str = "dev") -> str:
    """Experiment 5: pooled word errors of every path, and how deep utterances go by the thresholds fitted on clean speech."""
    exits = found.exits(f"shipped-{split}")
    rows = []
    for level, name in noise_levels(found, split):
        cells = ["clean" if level is None else f"{level:g} dB", *(found.cell(name, "pooled", path) for path in [*exits, "edge"])]
        stop = found.stops.get((name, "pooled"))
        if stop:
            total = sum(stop["answered"])
            shares = " / ".join(f"{100 * count / total:.0f}" for count in stop["answered"])
            cells += [f"{stop['averageDepth']:.2f}", shares, f"{100 * stop['cascadeWordErrorRate']:.1f}"]
        else:
            cells += ["", "", ""]
        rows.append(cells)
    head = ["noise", *(path.replace("-", " ") for path in exits), "edge, as shipped", "mean blocks on the device"]
    return table([*head, "stop at each exit / offloaded, %", "WER of what is answered, %"], rows)


def selection(found: Measurements) -> str:
    """Experiment 2: criteria by the mean word error rate over all average depths; and the probabilities' calibration."""
    rows = [[row["criterion"], f"{100 * row['area']:.2f}"] for row in sorted(found.criteria.values(), key=lambda row: row["area"])]
    text = table(["criterion", "word error rate over all average depths, %"], rows)
    rows = [[str(exit), f"{row['right']} of {row['utterances']}", f"{100 * row['expectedCalibrationError']:.1f}"] for exit, row in sorted(found.calibration.items())]
    return text + "\n\n" + table(["exit", "transcripts right", "expected calibration error, %"], rows)


def draw(found: Measurements, out: Path, split: str = "dev") -> list[Path]:
    """`experiment-noise` and `experiment-language-model`, each a Markdown table and an SVG; `experiment-exit-selection` as a table.

    The engine draws that one's plot (exit-confidence.svg).
    """
    exits = [*found.exits(f"shipped-{split}"), "edge"]
    levels = noise_levels(found, split)
    names = ["clean" if level is None else f"{level:g} dB" for level, _ in levels]
    errors = {path: [found.percent(name, "pooled", path) for _, name in levels] for path in exits}
    depth = {}
    for set in found.sets(f"shipped-{split}"):
        values = [found.stops.get((name, set), {}).get("averageDepth") for _, name in levels]
        if all(value is not None for value in values):
            depth[set] = values
    written = []

    def write(name: str, question: str, text: str, panels: list, ordered: bool) -> None:
        stem = out / f"experiment-{name}"
        stem.with_suffix(".md").write_text(f"**{question}**\n\n{text}\n", encoding="utf-8")
        draw_lines(question, panels, stem.with_suffix(".svg"), ordered)
        written.extend([stem.with_suffix(".md"), stem.with_suffix(".svg")])

    write(
        "noise", "How do word errors and the depth of exits move with noise (running tap, never heard in training)?", noise(found, split),
        [("word error rate, dev pooled, %", names, errors), ("mean blocks computed on the device", names, depth)], True,
    )
    there = [(name, label) for name, label in SEARCHES if (f"{name}-{split}", "pooled", "edge") in found.rates]
    sets = found.sets(f"shipped-{split}")
    write(
        "language-model", "What do language models and a lexicon bring, on the device and at the edge?", searches(found, split),
        [(f"{title}, word error rate on dev, %", sets, {label: [found.percent(f"{name}-{split}", set, path) for set in sets] for name, label in there})
         for title, path in (("last exit", exits[-2]), ("edge", "edge"))], False,
    )
    if found.criteria:
        path = out / "experiment-exit-selection.md"
        question = "Which confidence tells best at which exit to stop? Each utterance was predicted by a fit on the others (plot: exit-confidence.svg)."
        path.write_text(f"**{question}**\n\n{selection(found)}\n", encoding="utf-8")
        written.append(path)
    return written


def fill_card(card: Path, found: Measurements) -> list[str]:
    """Puts the tables between `<!-- NAME -->` and `<!-- end -->` of a model card; returns the names that it filled."""
    makers = {
        "test": lambda: error_rates(found, "test"), "dev": lambda: error_rates(found, "dev"),
        "phrases": lambda: wake_phrases(found, "test"), "searches": lambda: searches(found), "selection": lambda: selection(found), "noise": lambda: noise(found),
    }
    filled = []

    def replace(match: re.Match) -> str:
        if match[1] not in makers:
            raise MeasurementsError(f"{card}: no table is called {match[1]!r}; there are {', '.join(makers)}")
        filled.append(match[1])
        return f"<!-- {match[1]} -->\n{makers[match[1]]()}\n<!-- end -->"

    text = re.sub(r"<!-- ([a-z]+) -->\n.*?<!-- end -->", replace, card.read_text(encoding="utf-8"), flags=re.DOTALL)
    if not filled:
        raise MeasurementsError(f"{card}: has no place for a table, as `<!-- test -->` and `<!-- end -->` on lines of their own")
    card.write_text(text, encoding="utf-8")
    return filled
