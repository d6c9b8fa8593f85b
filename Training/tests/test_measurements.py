"""Tables and plots of what the engine measured."""

import json

import pytest

from tandem_training.measurements import Measurements, MeasurementsError, draw, error_rates, fill_card, noise, noise_levels, searches, wake_phrases


@pytest.fixture
def results(tmp_path):
    lines = []

    def add(measurement, **row):
        lines.append(json.dumps({"measurement": measurement, "result": row}))

    def rates(measurement, set, *values, paths=("exit-1", "exit-2", "edge")):
        for path, value in zip(paths, values):
            add(measurement, set=set, path=path, wordErrorRate=value, low=value / 2, high=value * 2, utterances=10, words=20)

    for split in ("dev", "test"):
        for set, shift in (("vctk", 0.1), ("fsdd", 0.0), ("pooled", 0.05)):
            rates(f"shipped-{split}", set, 0.5 + shift, 0.4 + shift, 0.2 + shift)
            rates(f"greedy-{split}", set, 0.5 + shift, 0.4 + shift, 0.3 + shift)
            add(f"shipped-{split}", set=set, criterion="probability", answered=[5, 3, 2], averageDepth=3.5, deviceWordErrorRate=0.3, cascadeWordErrorRate=0.2)
        add(f"shipped-{split}", phrase="ALEXA", path="exit-2", said=5, found=4, falseAccepts=1, otherHours=2.0)
        add(f"shipped-{split}", phrase="ALEXA", path="edge", said=5, found=5, falseAccepts=0, otherHours=2.0)
    rates("greedy-test", "vctk", 0.125, paths=["whisper-tiny"])
    for level in ("20", "5", "-5"):
        for set in ("vctk", "fsdd", "pooled"):
            rates(f"noise-{level}-dev", set, 0.9, 0.8, 0.7)
            add(f"noise-{level}-dev", set=set, criterion="probability", answered=[1, 1, 8], averageDepth=4.0, deviceWordErrorRate=0.8, cascadeWordErrorRate=0.7)
    for criterion, area in (("frameEntropy", 0.5), ("probability", 0.45)):
        add("exit-selection-dev", result="exit-selection", criterion=criterion, area=area, points=[[2, 0.6], [4, 0.4]])
    add("exit-selection-dev", result="exit-calibration", exit=1, expectedCalibrationError=0.021, right=6, utterances=10, bins=[])
    path = tmp_path / "english.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_tables(results):
    found = Measurements.load(results)
    assert found.sets("shipped-dev") == ["fsdd", "vctk", "pooled"]
    lines = error_rates(found, "test").splitlines()
    assert lines[0].endswith("| Whisper tiny.en |") and len({line.count("|") for line in lines}) == 1
    assert lines[3] == "| vctk | 10 / 20 | 60.0 (30.0–120.0) | 50.0 (25.0–100.0) | 40.0 (20.0–80.0) | 30.0 (15.0–60.0) | 12.5 (6.2–25.0) |"
    assert wake_phrases(found, "test").splitlines()[-1] == "| ALEXA | 4 of 5, 1 in 2.00 h | 5 of 5, 0 in 2.00 h |"
    assert [level for level, _ in noise_levels(found)] == [None, 20, 5, -5]
    assert noise(found).splitlines()[-1].endswith("| 4.00 | 10 / 10 / 80 | 70.0 |")
    assert len(searches(found).splitlines()) == 2 + 2 * 2, "what was not measured is not told"


def test_a_card_is_filled_and_says_what_it_lacks(results, tmp_path):
    card = tmp_path / "MODEL_CARD.md"
    card.write_text("before\n<!-- test -->\nold\n<!-- end -->\nbetween\n<!-- noise -->\n<!-- end -->\nafter\n")
    found = Measurements.load(results)
    assert fill_card(card, found) == ["test", "noise"]
    once = card.read_text()
    assert "old" not in once and once.startswith("before\n<!-- test -->\n| set |") and once.endswith("<!-- end -->\nafter\n") and "between" in once
    assert fill_card(card, found) == ["test", "noise"] and card.read_text() == once
    card.write_text("<!-- toast -->\n<!-- end -->\n")
    with pytest.raises(MeasurementsError, match="toast"):
        fill_card(card, found)
    card.write_text("nothing")
    with pytest.raises(MeasurementsError, match="no place"):
        fill_card(card, found)
    results.write_text("")
    with pytest.raises(MeasurementsError, match="english.sh dev"):
        Measurements.load(results)


def test_plots(results, tmp_path):
    pytest.importorskip("matplotlib")
    written = draw(Measurements.load(results), tmp_path)
    assert [path.name for path in written] == ["experiment-noise.md", "experiment-noise.svg", "experiment-language-model.md", "experiment-language-model.svg", "experiment-exit-selection.md"]
    assert written[4].read_text().index("probability") < written[4].read_text().index("frameEntropy") and "| 1 | 6 of 10 | 2.1 |" in written[4].read_text()
    assert "clean" in written[1].read_text() and "ships" in written[3].read_text()
