"""Experiments: what a run changes, resuming, tables and plots."""

import copy
import dataclasses
import json

import pytest
import yaml

from tandem_training.experiment import Experiment, add_costs, add_noise, add_searches, changed, columns, run_experiment, series, table, write_results
from tandem_training.recipe import RecipeError
from tandem_training.train import Run

from .conftest import RECIPE


@pytest.fixture
def experiment(world, tmp_path):
    base = copy.deepcopy(RECIPE)
    for key in ("growth", "transducerAlone"):
        del base["training"][key]
    base["training"]["steps"] = 2
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(base))
    content = {
        "name": "trial", "question": "Does it run?", "base": "small.yaml", "seeds": [1, 2], "changes": {"training.dropout": 0.0},
        "runs": [
            {"name": "whole", "label": "all of it"},
            {"name": "shallow", "depth": 1},
            {"name": "grown", "from": "whole", "whole": True, "changes": {"training.freezeEncoder": True, "augmentation.noiseProbability": 1.0}},
        ],
    }
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "trial.yaml"


def test_changes():
    run = {"name": "x", "depth": 1, "changes": {"training.phones": {"weight": 1}, "new.deep.key": 3}}
    content = changed(RECIPE, run, 5, {"model.encoder.leftChunks": 9})
    assert content["seed"] == 5 and content["model"]["secondEncoder"] is None and content["model"]["encoder"]["leftChunks"] == 9
    assert [len(content["model"]["encoder"][key]) for key in ("blocks", "exits")] == [1, 1]
    assert content["new"]["deep"]["key"] == 3 and RECIPE["model"]["secondEncoder"] is not None


def test_runs_are_done_once_and_reported(world, tmp_path, experiment):
    loaded = Experiment.load(experiment)
    records = run_experiment(loaded, world / "cache", tmp_path / "runs")
    assert [(record["run"], record["seed"]) for record in records] == [(name, seed) for seed in (1, 2) for name in ("whole", "shallow", "grown")]
    assert set(records[0]["dev"]) == {"exit1", "exit2", "second-ctc", "transducer"} and set(records[1]["dev"]) == {"exit1"}
    marker = tmp_path / "runs" / "trial" / "whole-1" / "result.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "hours": 42.0}))
    again = run_experiment(loaded, world / "cache", tmp_path / "runs", only=["whole"])
    assert again[0]["hours"] == 42.0 and len(again) == 2
    assert "all of it" in table(loaded, records) and "Does it run?" in table(loaded, records)
    depths = [exit["afterBlock"] for exit in RECIPE["model"]["encoder"]["exits"]]
    lines = series(loaded, records)
    assert [place for place, _ in lines["all of it"]][: len(depths)] == [f"{depth} block{'s' * (depth > 1)}" for depth in depths]
    assert {place for place, _ in lines["shallow"]} == {"1 block"}
    pytest.importorskip("matplotlib")
    written = write_results(loaded, records, tmp_path / "results")
    assert [path.suffix for path in written] == [".jsonl", ".md", ".svg"]
    first = written[2].read_bytes()
    assert b"Does it run?" in first
    write_results(loaded, records, tmp_path / "results")
    assert written[2].read_bytes() == first


def test_a_run_may_have_seeds_of_its_own(world, tmp_path, experiment):
    content = yaml.safe_load(experiment.read_text())
    content.update(seeds=[1], runs=[{"name": "flat", "depth": 1, "seeds": [1, 2]}, {"name": "noisy", "depth": 1, "changes": {"augmentation.noiseProbability": 0.9}}])
    experiment.write_text(yaml.safe_dump(content))
    records = run_experiment(Experiment.load(experiment), world / "cache", tmp_path / "runs")
    assert [(record["run"], record["seed"]) for record in records] == [("flat", 1), ("noisy", 1), ("flat", 2)]


def test_the_same_run_is_not_done_in_another_experiment(world, tmp_path, experiment):
    run_experiment(Experiment.load(experiment), world / "cache", tmp_path / "runs", only=["whole", "shallow"])
    content = yaml.safe_load(experiment.read_text())
    content.update(name="other", seeds=[1], runs=[{"name": "flat", "depth": 1}, {"name": "noisy", "depth": 1, "changes": {"augmentation.noiseProbability": 0.9}}])
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(content))
    records = run_experiment(Experiment.load(tmp_path / "other.yaml"), world / "cache", tmp_path / "runs")
    first = json.loads((tmp_path / "runs" / "trial" / "shallow-1" / "result.json").read_text())
    assert records[0]["hours"] == first["hours"] and records[0]["dev"] == first["dev"]
    marks = [(tmp_path / "runs" / folder / "fingerprint").read_text() for folder in ("trial/shallow-1", "other/flat-1", "other/noisy-1", "trial/shallow-2")]
    assert marks[0] == marks[1] and len(set(marks)) == 3


@pytest.mark.parametrize("change, message", [
    ({"seed": 1}, "has the keys"), ({"runs": [{"name": "a", "from": "b"}]}, "earlier run"), ({"runs": [{"name": "a"}, {"name": "a"}]}, "of its own"),
    ({"runs": [{"name": "a", "seeds": 3}]}, "list of whole numbers"),
])
def test_errors_name_the_file(experiment, change, message):
    content = {**yaml.safe_load(experiment.read_text()), **change}
    experiment.write_text(yaml.safe_dump(content))
    with pytest.raises(RecipeError, match=f"trial.yaml.*{message}"):
        Experiment.load(experiment)


def test_the_engine_measures_what_a_run_costs(world, tmp_path, experiment):
    loaded = Experiment.load(experiment)
    records = run_experiment(loaded, world / "cache", tmp_path / "runs", only=["shallow"])
    engine = tmp_path / "engine"  # says what tandem-evaluate would say
    engine.write_text("""#!/bin/sh
echo "$@" >"$0.arguments"
test -f "$5/model.json" || exit 1
echo "{\\"model\\": \\"$5\\", \\"operationsPerFrame\\": 2500000, \\"stateBytes\\": 7000, \\"chunkMilliseconds\\": 1.25}"
""")
    engine.chmod(0o755)
    add_costs(loaded, records, tmp_path / "runs", str(engine))
    assert (tmp_path / "engine.arguments").read_text().startswith("cost --format json --model ")
    row = next(line for line in table(loaded, records).splitlines() if line.startswith("| shallow"))
    assert "| 2.50 | 7 | 1.25 |" in row and [record for record in records if record["seed"] == 2][0].get("cost") is None


def test_the_engine_decodes_with_a_language_model_where_a_run_asks_for_it(world, tmp_path, experiment):
    content = yaml.safe_load(experiment.read_text())
    content["runs"][0]["search"] = True
    experiment.write_text(yaml.safe_dump(content))
    loaded = Experiment.load(experiment)
    records = run_experiment(loaded, world / "cache", tmp_path / "runs", only=["whole", "shallow"])
    engine = tmp_path / "engine"  # says what tandem-evaluate would say, if it is given a model that names its language model
    engine.write_text("""#!/bin/sh
echo "$@" >>"$0.arguments"
test -f "$7/edge.ngrams" && grep -q languageModels "$7/model.json" || exit 1
test "$1" = wer || exit 0
for path in exit-1 edge; do
  echo "{\\"path\\": \\"$path\\", \\"set\\": \\"pooled\\", \\"wordErrorRate\\": 0.25, \\"substitutions\\": 2, \\"deletions\\": 1, \\"insertions\\": 0, \\"words\\": 12}"
done
echo "{\\"before\\": \\"exit-1\\", \\"difference\\": -0.1}"
""")
    engine.chmod(0o755)
    (tmp_path / "any.ngrams").write_bytes(b"n-grams")
    add_searches(loaded, records, tmp_path / "runs", str(engine), tmp_path / "manifest.tsv", tmp_path / "any.ngrams")
    said = (tmp_path / "engine.arguments").read_text().splitlines()
    assert [line.split()[0] for line in said] == ["tune-language-model", "wer"] and "--exit-language-model edge" in said[1]
    assert records[0]["dev"]["exit1 + LM"]["all"] == records[0]["dev"]["second-ctc + LM"]["all"] == {"wer": 0.25, "errors": 3, "words": 12}
    assert "exit1 + LM" not in records[1]["dev"] and "| 25.0 |" in table(loaded, records)
    engine.write_text("#!/bin/sh\necho 'no such split' >&2; exit 65\n")
    with pytest.raises(ValueError, match="tune-language-model ended with status 65: no such split"):
        add_searches(loaded, records, tmp_path / "runs", str(engine), tmp_path / "manifest.tsv", tmp_path / "any.ngrams")


def test_sets_have_columns_and_noise_is_the_engines(world, tmp_path, experiment):
    content = yaml.safe_load(experiment.read_text())
    content.update(sets=True, seeds=[1])
    experiment.write_text(yaml.safe_dump(content))
    loaded = Experiment.load(experiment)
    records = run_experiment(loaded, world / "cache", tmp_path / "runs", only=["whole", "shallow"])
    engine = tmp_path / "engine"  # says what tandem-evaluate would say
    engine.write_text("""#!/bin/sh
echo "$@" >>"$0.arguments"
for path in exit-1 exit-2; do
  echo "{\\"path\\": \\"$path\\", \\"set\\": \\"pooled\\", \\"wordErrorRate\\": 0.75, \\"substitutions\\": 2, \\"deletions\\": 1, \\"insertions\\": 0, \\"words\\": 4}"
done
""")
    engine.chmod(0o755)
    add_noise(loaded, records, tmp_path / "runs", str(engine), tmp_path / "manifest.tsv", tmp_path / "tap.opus", 10.0)
    assert all("--snr 10.0" in line and "tap.opus" in line for line in (tmp_path / "engine.arguments").read_text().splitlines())
    head = table(loaded, records).splitlines()[2]
    sets = [name for name in records[0]["dev"]["exit1"] if name != "all"]
    assert sets and head.endswith("| " + " | ".join([*sets, "all", "all at 10 dB"]) + " |")
    lines = series(loaded, records)
    assert list(lines) == [*sets, "all", "all at 10 dB"] and lines["all at 10 dB"] == [("all of it", 75.0), ("shallow", 75.0)]
    whole, shallow = (100 * records[number]["dev"][f"exit{exit}"]["all"]["wer"] for number, exit in ((0, 2), (1, 1)))
    assert lines["all"] == [("all of it", whole), ("shallow", shallow)]


def test_seeds_are_one_point(world, tmp_path, experiment):
    loaded = Experiment.load(experiment)
    records = [{"run": "shallow", "seed": seed, "dev": {"exit1": {"all": {"wer": rate}}}} for seed, rate in ((1, 0.5), (2, 0.25))]
    assert series(loaded, records) == {"shallow": [("1 block", 37.5)]}


def test_a_stopped_experiment_says_so_and_reports_nothing(world, tmp_path, experiment, monkeypatch):
    monkeypatch.setattr(Run, "train", lambda run, steps: run.save())
    with pytest.raises(InterruptedError, match="trial: run shallow was stopped at step 0"):
        run_experiment(Experiment.load(experiment), world / "cache", tmp_path / "runs", only=["shallow"])
    monkeypatch.undo()
    assert len(run_experiment(Experiment.load(experiment), world / "cache", tmp_path / "runs", only=["shallow"])) == 2


def test_the_deepest_exit_is_the_one_with_the_highest_number(experiment):
    dev = {f"exit{number}": {"all": {"wer": number / 100}} for number in (2, 10, 9)}
    loaded = dataclasses.replace(Experiment.load(experiment), sets=True)
    assert columns(loaded, {"dev": dev}) == {"all": 10.0} and columns(loaded, {}) == {}
