"""Synthesis without its network: texts, voices, shards that resume."""

import gzip
import random

import numpy
import pytest

from tandem_training import synthesis
from tandem_training.synthesis import Plan, SynthesisError, Voice, character_error_rate, gather, normalised, read_sentences, synthesise


@pytest.fixture
def plan():
    return Plan(
        seed=7, words=("yes", "snowboy"), grammar=("turn the light on",),
        sentences=("this sentence is for everybody who listens", "never say this one", " ".join(["long"] * 60)),
        forbidden=frozenset({"NEVER SAY THIS ONE"}),
    )


def test_a_shard_depends_on_seed_and_number_only(plan):
    assert plan.shard(3, 5) == plan.shard(3, 5) != plan.shard(4, 5)
    texts = [text for number in range(20) for text, _ in plan.shard(number, 5)]
    assert "never say this one" not in texts and "turn the light on" in texts and "yes" in texts
    assert max(len(text.split()) for text in texts) <= 14
    voices = {voice.name for _, voice in plan.shard(0, 5)}
    assert len(voices) == synthesis.SHARD // 5


def test_voices_are_mixtures():
    for seed in range(50):
        voice = Voice.draw(random.Random(seed), 5, 0.3)
        assert abs(sum(voice.weights) - 1) < 1e-9 and 0.8 <= voice.speed <= 1.25


def test_debian_voices_differ_and_repeat():
    from tandem_training.debian_voices import DebianVoices

    try:
        engine = DebianVoices()
    except SynthesisError as error:
        pytest.skip(str(error))
    voices = [Voice.draw(random.Random(seed), len(engine.styles), 0.0) for seed in range(12)]
    commands = [engine.command("turn the light on", voice, tmp) for voice in voices for tmp in ["x.wav"]]
    assert {command[0] for command in commands} == {"flite", "espeak-ng"}
    for voice in (voices[0], next(voice for voice, command in zip(voices, commands) if command[0] == "espeak-ng")):
        once, again = engine.speak("turn the light on", voice), engine.speak("turn the light on", voice)
        assert numpy.array_equal(once, again) and 0.5 < once.size / 16000 < 3 and 0.01 < abs(once).max() <= 1


def test_letters_misheard():
    assert character_error_rate("GREY SEA", "GREASY") == 3 / 7
    assert character_error_rate("YES", "") == 1.0 and character_error_rate("A B", "AB") == 0.0
    assert normalised(" It's twenty-one, Dr. Who! ") == "IT'S TWENTY ONE DR WHO"


def test_sentences_are_checked(tmp_path):
    with pytest.raises(SynthesisError, match="sentences"):
        read_sentences(tmp_path)
    with gzip.open(tmp_path / "book.txt.gz", "wt", encoding="utf-8") as file:
        file.write("it was a dark night\nIn 1984 it was not\n")
    assert read_sentences(tmp_path) == ["it was a dark night"]


def test_shards_resume_and_the_teacher_filters(plan, tmp_path, monkeypatch):
    spoken = []

    class Speaker:
        styles = numpy.zeros((5, 510, 256))

        def __init__(self, threads):
            pass

        def speak(self, text, voice):
            spoken.append(text)
            return numpy.full(4000, 0.1, dtype=numpy.float32)

    class Listener:
        def __init__(self, threads):
            pass

        def hear(self, samples):
            return "TURN THE LIGHT ON"

    monkeypatch.setattr(synthesis, "Synthesiser", Speaker)
    monkeypatch.setattr(synthesis, "Teacher", Listener)
    kept, seconds = synthesise(plan, tmp_path, range(2), teacher=True, threads=1)
    assert len(spoken) == 2 * synthesis.SHARD and 0 < kept < len(spoken) and seconds == pytest.approx(0.25 * kept)
    (tmp_path / "shard-00001.tsv").unlink()
    assert synthesise(plan, tmp_path, range(2), teacher=True, threads=1) == (kept, seconds)
    assert len(spoken) == 3 * synthesis.SHARD, "only the missing shard is made again"
    assert gather(tmp_path) == kept
    lines = (tmp_path / "manifest.tsv").read_text().splitlines()
    assert lines[0].split("\t")[:3] == ["path", "set", "split"] and len(lines) == kept + 1
    assert all((tmp_path / line.split("\t")[0]).exists() for line in lines[1:])
    assert not any("EVERYBODY" in line for line in lines), "misheard"


def test_the_peer_is_spelled_as_we_spell():
    pytest.importorskip("num2words")
    from tandem_training.peer import spelled

    assert spelled(" It's 7:15, on the 3rd.") == "IT'S SEVEN FIFTEEN ON THE THIRD"
    assert spelled("In 1984, 1,250 of them & 50%") == "IN NINETEEN EIGHTY FOUR ONE THOUSAND TWO HUNDRED AND FIFTY OF THEM AND FIFTY PERCENT"


def test_librispeech_manifest(tmp_path):
    from tandem_training.data import ManifestError, read_manifest
    from tandem_training.librispeech import librispeech_manifest

    with pytest.raises(ManifestError, match="LibriSpeech"):
        librispeech_manifest(tmp_path, tmp_path / "manifest.tsv")
    for subset in ("train-clean-100", "dev-other"):
        chapter = tmp_path / subset / "84" / "121123"
        chapter.mkdir(parents=True)
        (chapter / "84-121123-0000.flac").write_bytes(b"")
        (chapter / "84-121123.trans.txt").write_text("84-121123-0000 GO DO YOU HEAR\n")
    assert librispeech_manifest(tmp_path, tmp_path / "manifest.tsv") == {"dev-other": 1, "train-clean-100": 1}
    recordings = read_manifest(tmp_path / "manifest.tsv")
    assert {(recording.set, recording.split, recording.text) for recording in recordings} == {
        ("train-clean-100", "train", "GO DO YOU HEAR"), ("dev-other", "dev", "GO DO YOU HEAR")}
    (tmp_path / "dev-other" / "84" / "121123" / "84-121123-0000.flac").unlink()
    with pytest.raises(ManifestError, match="84-121123-0000.flac is not there"):
        librispeech_manifest(tmp_path, tmp_path / "manifest.tsv")
