"""Experiments: a few runs that differ in what their YAML file says, trained, evaluated on dev, tabled and drawn by one command.

A file in recipes/experiments names a `question`, a `base` recipe, `seeds`, `changes` common to all and `runs`. A run has a `name`, and may have `changes`
(dotted keys of the recipe to new values), `depth` (only so many blocks, one exit at their end, no second pass) and `from` (an
earlier run whose subsampling and blocks it starts with; all of it, heads and second pass too, with `whole: true`), and `search: true` where the engine
is to decode it with a language model as well, `seeds` of its own. With `sets: true` table and plot have a column for each dev set, at the deepest exit,
instead of one for each path. Runs that are done are not done again, not even in another experiment of the same folder.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import yaml

from .data import Cache
from .evaluate import evaluate
from .export import export_run
from .language.command import name_in_description
from .model import parameter_counts
from .plot import draw_series
from .progress import progress
from .recipe import Recipe, RecipeError, parse_recipe
from .report import provenance
from .train import Run


@dataclass(frozen=True)
class Experiment:
    name: str
    question: str
    base: Path
    seeds: tuple[int, ...]
    changes: dict
    runs: tuple[dict, ...]
    plot: dict
    sets: bool = False

    @staticmethod
    def load(path: Path) -> "Experiment":
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        known, needed = {"name", "question", "base", "seeds", "changes", "runs", "plot", "sets"}, {"name", "question", "base", "runs"}
        if not isinstance(content, dict) or set(content) - known or needed - set(content):
            raise RecipeError(f"{path}: an experiment has the keys {', '.join(sorted(needed))}, and may have {', '.join(sorted(known - needed))}")
        names = [run.get("name") for run in content["runs"]]
        for number, run in enumerate(content["runs"]):
            unknown = set(run) - {"name", "changes", "depth", "from", "whole", "search", "seeds", "label", "x"}
            if unknown or not run.get("name") or names.count(run["name"]) > 1:
                raise RecipeError(f"{path}: run {number + 1} needs a name of its own and may have changes, depth, from, whole, search, seeds, label and x; not {sorted(unknown)}")
            seeds = run.get("seeds", [1])
            if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) for seed in seeds):
                raise RecipeError(f"{path}: run {run['name']} has the seeds {seeds!r}; they are a list of whole numbers, such as [1, 2, 3]")
            if "from" in run and run["from"] not in names[:number]:
                raise RecipeError(f"{path}: run {run['name']} starts from {run['from']!r}, which is no earlier run")
        return Experiment(
            content["name"], content["question"], path.parent / content["base"], tuple(content.get("seeds", [1])),
            content.get("changes") or {}, tuple(content["runs"]), content.get("plot") or {}, bool(content.get("sets")),
        )


def changed(recipe: dict, run: dict, seed: int, common: dict | None = None) -> dict:
    """The base recipe's content with the common changes, a run's depth and its changes; keys that are not there yet are made."""
    content = copy.deepcopy(recipe)
    content["seed"] = seed
    content["name"] = run["name"]
    apply(content, common or {})
    if depth := run.get("depth"):
        encoder = content["model"]["encoder"]
        encoder["blocks"] = encoder["blocks"][:depth]
        encoder["exits"] = [{"afterBlock": depth, "head": "linear"}]
        content["model"]["secondEncoder"] = content["model"]["transducer"] = None
        phones = content["training"].get("phones")
        if phones and phones["afterBlock"] > depth:
            phones["afterBlock"] = depth
    apply(content, run.get("changes") or {})
    return content


def apply(content: dict, changes: dict) -> None:
    """Sets dotted keys; `augmentation` as a whole, or `augmentation.noiseProbability` alone."""
    for key, value in changes.items():
        *path, last = key.split(".")
        place = content
        for part in path:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[last] = value


def fingerprint(content: dict, start: str = "", whole: bool = False) -> str:
    """Names a run by all that it depends on but its name: the recipe, and the fingerprint of the run that it starts from."""
    said = {key: value for key, value in content.items() if key != "name"}
    return hashlib.sha256(json.dumps([said, start, whole], sort_keys=True).encode()).hexdigest()


def same_run(runs: Path, mark: str) -> Path | None:
    """The folder of a run that is done and has this fingerprint, in whichever experiment."""
    for found in sorted(runs.glob("*/*/fingerprint")):
        if found.read_text(encoding="utf-8") == mark and (found.parent / "result.json").exists():
            return found.parent
    return None


def result_of(recipe: Recipe, run: Run) -> dict:
    """What a finished run has come to: word errors of every path and set on dev, parameters, steps and hours."""
    result = {
        "parameters": parameter_counts(run.model), "steps": run.step, "hours": round(run.seconds / 3600, 4),
        "trainingClips": sum(len(cache.clips) for cache in run.caches),
        "trainingHours": round(sum(clip.samples for cache in run.caches for clip in cache.clips) / 16000 / 3600, 3),
        "infeasible": len(run.infeasible),
    }
    if run.quantiser is not None:
        return result
    errors = evaluate(run.averaged(), run.vocabulary, run.dev, run.dev.clips, precision=recipe.training.precision).errors
    result["dev"] = {
        path: {name: {"wer": round(counts.rate, 5), "errors": counts.substitutions + counts.deletions + counts.insertions, "words": counts.words}
               for name, counts in sorted(sets.items())}
        for path, sets in errors.items()
    }
    return result


def run_experiment(experiment: Experiment, cache: Path, runs: Path, only: list[str] | None = None) -> list[dict]:
    """Trains and evaluates what is not there yet; returns one record for each run and seed. `InterruptedError` where a signal stopped it:
    half an experiment's results are not written over a whole one's."""
    base = yaml.safe_load(experiment.base.read_text(encoding="utf-8"))
    records = []
    jobs = [(run, seed) for run in experiment.runs if not only or run["name"] in only for seed in run.get("seeds", experiment.seeds)]
    jobs.sort(key=lambda job: job[1])  # one seed's runs after another's: what starts from another run finds it done
    for run, seed in progress(jobs, len(jobs), experiment.name):
        folder = runs / experiment.name / f"{run['name']}-{seed}"
        done = folder / "result.json"
        content = changed(base, run, seed, experiment.changes)
        start = runs / experiment.name / f"{run['from']}-{seed}" if "from" in run else None
        begun = start / "fingerprint" if start else None
        # A run of older code has none: then its place names it.
        origin = "" if begun is None else begun.read_text(encoding="utf-8") if begun.exists() else str(begun)
        mark = fingerprint(content, origin, bool(run.get("whole")))
        if not done.exists() and (twin := same_run(runs, mark)):
            shutil.copytree(twin, folder, dirs_exist_ok=True)
        if not done.exists():
            recipe = parse_recipe(content, experiment.base)
            initialise = start / "checkpoint.pt" if start else None
            trained = Run(recipe, cache, folder, initialise, bool(run.get("whole")))
            if trained.step < recipe.training.steps:
                trained.train(recipe.training.steps)
            if trained.step < recipe.training.steps:
                raise InterruptedError(f"{experiment.name}: run {run['name']} was stopped at step {trained.step}; the same command goes on from there")
            done.write_text(json.dumps(result_of(recipe, trained)), encoding="utf-8")
        (folder / "fingerprint").write_text(mark, encoding="utf-8")
        result = json.loads(done.read_text(encoding="utf-8"))
        if content["training"].get("transducerWeight") == 0:
            result.get("dev", {}).pop("transducer", None)  # there for its shape's sake, and never trained
        records.append({
            "result": f"experiment-{experiment.name}", "run": run["name"], "seed": seed, "changes": run.get("changes") or {},
            "depth": run.get("depth"), "from": run.get("from"), **result,
        })
    return records


def export_first(experiment: Experiment, records: list[dict], runs: Path, wanted: Callable[[dict], bool]) -> dict[str, dict]:
    """Exports the first seed of every run that is wanted: its folder → its record."""
    base = yaml.safe_load(experiment.base.read_text(encoding="utf-8"))
    first = {record["run"]: record for record in reversed(records)}
    folders = {}
    for run in experiment.runs:
        if run["name"] in first and wanted(run):
            seed = first[run["name"]]["seed"]
            folder = runs / experiment.name / f"{run['name']}-{seed}"
            export_run(parse_recipe(changed(base, run, seed, experiment.changes), experiment.base), folder, folder / "model", "float32")
            folders[str(folder / "model")] = first[run["name"]]
    return folders


def ask(engine: str, *arguments: str) -> list[dict]:
    """The JSON lines that `tandem-evaluate` prints; what it complains of is the error."""
    done = subprocess.run([engine, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"{engine} {arguments[0]} ended with status {done.returncode}: {done.stderr.strip()[-400:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def add_costs(experiment: Experiment, records: list[dict], runs: Path, engine: str) -> None:
    """Lets the engine (`tandem-evaluate cost`) measure what every run's first pass costs, all of them in one go."""
    folders = export_first(experiment, records, runs, lambda run: True)
    arguments = [argument for folder in folders for argument in ("--model", folder)]
    for cost in ask(engine, "cost", "--format", "json", *arguments):
        folders[cost.pop("model")]["cost"] = cost


def add_searches(experiment: Experiment, records: list[dict], runs: Path, engine: str, manifest: Path, language_model: Path) -> None:
    """Lets the engine decode dev with the same language model at the exits and on the second pass, for the runs with `search`: paths with
    "+ LM". Its weights are tuned for each run on dev, as the shipped model's are. The language model knows words, not tokens, so one serves all.
    """
    digest = hashlib.sha256(language_model.read_bytes()).hexdigest()
    for folder, record in export_first(experiment, records, runs, lambda run: run.get("search", False)).items():
        shutil.copyfile(language_model, Path(folder) / "edge.ngrams")
        name_in_description(Path(folder), {"edge": {"file": "edge.ngrams", "sha256": digest}})
        data = ["--manifest", str(manifest), "--split", "dev", "--model", folder, "--decoder", "ctc"]
        ask(engine, "tune-language-model", *data, "--sides", "edge", "--write")
        for path, sets in rates(engine, *data, "--exit-language-model", "edge").items():
            record["dev"][f"{path} + LM"] = sets


def add_noise(experiment: Experiment, records: list[dict], runs: Path, engine: str, manifest: Path, noise: Path, decibels: float) -> None:
    """Lets the engine decode dev with a noise mixed in, so many decibels below the speech: paths with " at N dB"."""
    for folder, record in export_first(experiment, records, runs, lambda run: True).items():
        data = ["--manifest", str(manifest), "--split", "dev", "--model", folder, "--language-model", "none", "--beam", "1"]
        for path, sets in rates(engine, *data, "--noise", str(noise), "--snr", str(decibels)).items():
            record["dev"][f"{path} at {decibels:g} dB"] = sets


def rates(engine: str, *arguments: str) -> dict[str, dict[str, dict]]:
    """What `tandem-evaluate wer` says, as `result_of` has it: path → set → rate, errors and words."""
    found: dict[str, dict[str, dict]] = defaultdict(dict)
    for row in ask(engine, "wer", *arguments, "--format", "json"):
        if "wordErrorRate" in row:
            path = "second-ctc" if row["path"] == "edge" else row["path"].replace("-", "")
            counts = {"wer": round(row["wordErrorRate"], 5), "errors": row["substitutions"] + row["deletions"] + row["insertions"], "words": row["words"]}
            found[path]["all" if row["set"] == "pooled" else row["set"]] = counts
    return found


def columns(experiment: Experiment, record: dict) -> dict[str, float]:
    """A record's word error rates in percent, in the order of the table's columns: pooled for every path, or, with `sets`, every set's at
    the deepest exit, all of them together, and all of them in noise where that was measured."""
    dev = record.get("dev", {})
    if not experiment.sets:
        paths = sorted(dev, key=lambda path: (not path.startswith("exit"), path))
        return {path: 100 * dev[path]["all"]["wer"] for path in paths}
    last = max((path for path in dev if path.startswith("exit") and path[4:].isdigit()), key=lambda path: int(path[4:]), default=None)
    if last is None:
        return {}
    found = {name: 100 * counts["wer"] for name, counts in dev[last].items() if name != "all"}
    return {**found, "all": 100 * dev[last]["all"]["wer"], **{f"all{path[len(last):]}": 100 * dev[path]["all"]["wer"] for path in dev if path.startswith(f"{last} ")}}


def table(experiment: Experiment, records: list[dict]) -> str:
    """A Markdown table: dev WER in percent of `columns`; the mean of the seeds, with the lowest and highest."""
    named = list(dict.fromkeys(name for record in records for name in columns(experiment, record)))
    paths = named if experiment.sets else sorted(named, key=lambda path: (not path.startswith("exit"), path))
    costs = ["Mflop a frame", "state, kB", "ms a chunk"] if any("cost" in record for record in records) else []
    head = ["run", "parameters", "hours trained", *costs, *paths]
    lines = [f"**{experiment.question}**", "", "| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    by_run: dict[str, list[dict]] = defaultdict(list)
    for record in records:
        by_run[record["run"]].append(record)
    for run in experiment.runs:
        done = by_run.get(run["name"])
        if not done:
            continue
        cells = []
        for path in paths:
            found = [row[path] for record in done if path in (row := columns(experiment, record))]
            cells.append("" if not found else f"{fmean(found):.1f}" if len(found) == 1 else f"{fmean(found):.1f} ({min(found):.1f}–{max(found):.1f})")
        if costs:
            cost = done[0].get("cost")
            measured = [f"{cost['operationsPerFrame'] / 1e6:.2f}", f"{cost['stateBytes'] / 1e3:.0f}", f"{cost['chunkMilliseconds']:.2f}"] if cost else ["", "", ""]
            cells = measured + cells
        total = done[0]["parameters"]
        lines.append(f"| {run.get('label', run['name'])} | {(total['device'] + total['edge']) / 1e6:.2f} M | {done[0]['hours']:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_results(experiment: Experiment, records: list[dict], out: Path) -> list[Path]:
    """`experiment-NAME.jsonl`, `.md` and `.svg` in a folder; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"experiment-{experiment.name}"
    origin = {key: value for key, value in provenance(None).items() if key != "seed"}
    stem.with_suffix(".jsonl").write_text("".join(json.dumps({**record, **origin}) + "\n" for record in records), encoding="utf-8")
    stem.with_suffix(".md").write_text(table(experiment, records), encoding="utf-8")
    lines = series(experiment, records)
    places = list(dict.fromkeys(place for points in lines.values() for place, _ in points if isinstance(place, str)))
    if not experiment.sets:
        # Shallow before deep, the second pass's heads last.
        places.sort(key=lambda place: int(place.split()[0]) if place[0].isdigit() else math.inf)
    draw_series(experiment.question, lines, stem.with_suffix(".svg"), ordered=not experiment.sets, names=places, **{"xlabel": "", **experiment.plot})
    return [stem.with_suffix(suffix) for suffix in (".jsonl", ".md", ".svg")]


def series(experiment: Experiment, records: list[dict]) -> dict[str, list[tuple[float | str, float]]]:
    """For the plot: name → points (x, WER in percent, the mean of the seeds). With `sets` every set makes a line over the runs; else runs
    with an `x` make a line for every path, others a line of exits each."""
    points: dict[tuple[str, float | str], list[float]] = defaultdict(list)
    with_place = {run["name"]: run["x"] for run in experiment.runs if "x" in run}
    base = yaml.safe_load(experiment.base.read_text(encoding="utf-8"))
    depths = {
        run["name"]: [exit["afterBlock"] for exit in changed(base, run, 0, experiment.changes)["model"]["encoder"]["exits"]]
        for run in experiment.runs
    }
    labels = {run["name"]: run.get("label", run["name"]) for run in experiment.runs}
    for record in records:
        for name, rate in columns(experiment, record).items():
            if experiment.sets:
                points[name, labels[record["run"]]].append(rate)
            elif " " in name:
                continue  # with a language model, or in noise: in the table; as points they would be taken for further depths
            elif with_place:
                if record["run"] in with_place:
                    points[name, with_place[record["run"]]].append(rate)
            else:
                # Exits of models with other depths stand over one another where they have as many blocks before them.
                number = name.removeprefix("exit")
                depth = depths[record["run"]][int(number) - 1] if number.isdigit() else None
                place = name if depth is None else "1 block" if depth == 1 else f"{depth} blocks"
                points[labels[record["run"]], place].append(rate)
    lines: dict[str, list[tuple[float | str, float]]] = defaultdict(list)
    for (line, place), found in points.items():
        lines[line].append((place, fmean(found)))
    return dict(lines)
