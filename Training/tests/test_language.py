"""The language model: smoothing, mixing, pruning, quantising, the file, the grammar."""

import json
import math
import random
import re
import shutil
import subprocess
from collections import Counter

import numpy
import pytest

from tandem_training.language import grammar
from tandem_training.language.command import build
from tandem_training.language.corpus import Source, choose_words, encode, read_text
from tandem_training.language.file import quantise, read, size_of, write
from tandem_training.language.kneser_ney import discounts, estimate
from tandem_training.language.ngram import END, START, UNKNOWN, NGramModel, Text, mix, tune_weights
from tandem_training.language.pruning import losses, prune, prune_to_size

WORDS = "A B C D E F G H".split()


def random_sentences(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, weights=[8, 5, 3, 2, 1, 1, 1, 1], k=chance.randint(1, 6))) for _ in range(count)]


@pytest.fixture(scope="module")
def world():
    source = Source("random", random_sentences(1, 300))
    words = choose_words([], [source], 1, 100)
    return source, words, encode(source, {word: number for number, word in enumerate(words)})


def all_contexts(model: NGramModel) -> list[list[int]]:
    size = len(model.words)
    found: list[list[int]] = [[]]
    for length in range(1, model.order):
        for context in [[first, *rest] for first in range(size) for rest in (found if length == 1 else [c for c in found if len(c) == length - 1])]:
            if context[0] != END and START not in context[1:] and END not in context:
                found.append(context)
    return found


def probabilities(model: NGramModel, context: list[int]) -> numpy.ndarray:
    keys = numpy.arange(len(model.words), dtype=numpy.uint64)
    for back, word in enumerate(reversed(context), start=1):
        keys = keys | numpy.uint64(word << (16 * back))
    return numpy.exp(model.log_probability(keys, len(context) + 1))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_context_sums_to_one(world, order):
    _, words, text = world
    model = estimate(text, words, order)
    for context in all_contexts(model):
        assert probabilities(model, context).sum() == pytest.approx(1, abs=1e-9), context


def test_equals_the_textbook_written_out(world):
    """Chen and Goodman's recursion for a trigram, one n-gram at a time, with dictionaries."""
    source, words, text = world
    model = estimate(text, words, 3)
    sentences = [["<s>", *sentence.split(), "</s>"] for sentence in source.sentences]
    raw = [Counter(tuple(s[i : i + n]) for s in sentences for i in range(len(s) - n + 1)) for n in (1, 2, 3)]

    def adjusted(n):
        if n == 3:
            return raw[2]
        result = Counter()
        for gram in raw[n]:
            result[gram[1:]] += 1
        for gram, count in raw[n - 1].items():
            if gram[0] == "<s>":
                result[gram] = count
        if n == 1:
            del result[("<s>",)]
        return result

    counts = [adjusted(n) for n in (1, 2, 3)]
    cuts = [(0.0, *discounts(numpy.array(list(count.values())))) for count in counts]

    def probability(gram):
        n = len(gram)
        if n == 0:
            return 1 / (len(words) - 1)
        table, cut = counts[n - 1], cuts[n - 1]
        followers = {g: c for g, c in table.items() if g[:-1] == gram[:-1]}
        if not followers:
            return probability(gram[1:])
        total = sum(followers.values())
        left = sum(cut[min(c, 3)] for c in followers.values())
        count = table.get(gram, 0)
        return (count - cut[min(count, 3)]) / total + left / total * probability(gram[1:])

    index = {word: number for number, word in enumerate(words)}
    for context in (["<s>", "A"], ["A", "B"], ["H", "G"], ["B", "A"], ["C", "C"]):
        expected = [probability((*context, word)) if word != "<s>" else 0 for word in words]
        assert probabilities(model, [index[word] for word in context]) == pytest.approx(expected, abs=1e-9)


def test_lmplz_says_the_same(world, tmp_path):
    """Against KenLM, where its lmplz is at hand (path in KENLM_LMPLZ, or in PATH)."""
    import os

    program = os.environ.get("KENLM_LMPLZ") or shutil.which("lmplz")
    if not program:
        pytest.skip("lmplz is not there; set KENLM_LMPLZ")
    # A text in which no sentence's words are unusual: enough of them for discounts of their own.
    source = Source("grammar", grammar.sentences(3, 4000))
    words = choose_words([], [source], 1, 10_000)
    index = {word: number for number, word in enumerate(words)}
    model = estimate(encode(source, index), words, 3)
    (tmp_path / "text").write_text("\n".join(source.sentences) + "\n")
    with open(tmp_path / "text") as stdin, open(tmp_path / "arpa", "w") as stdout:
        subprocess.run([program, "-o", "3", "-S", "10%", "-T", str(tmp_path), "--discount_fallback"], stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, check=True)
    checked, worst, worst_backoff, order = Counter(), 0.0, 0.0, 0
    for line in open(tmp_path / "arpa"):
        if found := re.match(r"\\(\d)-grams:", line):
            order = int(found[1])
        fields = line.rstrip("\n").split("\t")
        if order == 0 or len(fields) < 2 or fields[1] == "<s>":
            continue
        key = 0
        for word in fields[1].split():
            key = key << 16 | index[word]
        place = numpy.searchsorted(model.keys[order - 1], numpy.uint64(key))
        assert model.keys[order - 1][place] == key, fields
        worst = max(worst, abs(float(fields[0]) * math.log(10) - model.log_probabilities[order - 1][place]))
        if len(fields) > 2 and "</s>" not in fields[1]:
            worst_backoff = max(worst_backoff, abs(float(fields[2]) * math.log(10) - model.log_backoffs[order - 1][place]))
        checked[order] += 1
    assert [checked[n + 1] + (n == 0) for n in range(3)] == model.counts
    assert worst < 1e-4 and worst_backoff < 1e-4


def test_mixture_is_the_weighted_mean_and_tuning_finds_the_better_source(world):
    source, words, text = world
    index = {word: number for number, word in enumerate(words)}
    other = encode(Source("other", [" ".join(reversed(s.split())) for s in random_sentences(9, 40)]), index)
    models = [estimate(text, words, 3), estimate(other, words, 3)]
    held_out = encode(Source("held out", random_sentences(2, 100)), index)
    weights = tune_weights(models, [held_out])
    assert all(row[0] > row[1] and sum(row) == pytest.approx(1) for row in weights)
    mixed = mix(models, [[0.7, 0.3]] * 3)
    for context in all_contexts(mixed):
        assert probabilities(mixed, context).sum() == pytest.approx(1, abs=1e-6)
    keys = mixed.keys[2]
    expected = 0.7 * numpy.exp(models[0].log_probability(keys, 3)) + 0.3 * numpy.exp(models[1].log_probability(keys, 3))
    assert numpy.exp(mixed.log_probability(keys, 3)) == pytest.approx(expected)
    best = mix(models, weights)
    assert best.perplexity(held_out) <= mix(models, [[0.1, 0.9]] * 3).perplexity(held_out)


def test_pruning_loss_is_the_relative_entropy_of_dropping_one(world):
    """Stolcke's closed form against the definition: the two models' divergence after the context, summed over all words."""
    _, words, text = world
    model = estimate(text, words, 2)
    model.normalise()
    history = numpy.full(len(words), 1.0)
    found = losses(model, 2, history)
    for drop in range(0, len(model.keys[1]), 7):
        pruned = prune(model, 0.5, [numpy.where(numpy.arange(len(model.keys[1])) == drop, 0.0, 1.0)])
        context = [int(model.keys[1][drop]) >> 16]
        p, q = probabilities(model, context), probabilities(pruned, context)
        there = p > 1e-30
        assert found[drop] == pytest.approx(float((p[there] * numpy.log(p[there] / q[there])).sum()), abs=1e-9)
        assert found[drop] >= -1e-12


def test_pruned_to_a_size_keeps_what_matters(world):
    _, words, text = world
    model = estimate(text, words, 3)
    history = [numpy.ones(len(keys)) / len(keys) for keys in model.keys]
    found = [losses(model, n, history[n - 2]) for n in (2, 3)]
    text_bytes = sum(map(len, words))
    smaller, threshold = prune_to_size(model, lambda counts: size_of(counts, text_bytes), 6600, found)
    assert threshold > 0 and size_of(smaller.counts, text_bytes) <= 6600 and smaller.counts[1] > 0
    for context in all_contexts(smaller):
        assert probabilities(smaller, context).sum() == pytest.approx(1, abs=1e-6)
    assert smaller.perplexity(text) < model.perplexity(text) * 1.5
    with pytest.raises(ValueError, match="words alone"):
        prune_to_size(model, lambda counts: size_of(counts, text_bytes), 100, found)


@pytest.mark.parametrize("values", [[-1.5], [0.0, -2.0, -2.0], list(numpy.random.default_rng(0).normal(-5, 2, 5000)), [0.0] * 9])
def test_quantiser(values):
    values = numpy.array(values)
    book, codes = quantise(values)
    assert len(book) == 256 and (numpy.diff(book) >= 0).all()
    nearest = book[numpy.abs(book[None, :].astype(float) - values[:, None]).argmin(axis=1)]
    assert book[codes] == pytest.approx(nearest)
    assert (book[codes][values == 0] == 0).all()
    assert numpy.abs(book[codes] - values).max() < 1 and numpy.abs(book[codes] - values).mean() < 0.03


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_file_round_trip(world, order, tmp_path):
    _, words, text = world
    model = estimate(text, words, order)
    size = write(model, tmp_path / "m")
    assert size == (tmp_path / "m").stat().st_size == size_of(model.counts, sum(map(len, words)))
    back = read(tmp_path / "m")
    assert back.words == model.words and back.counts == model.counts
    assert all((a == b).all() for a, b in zip(back.keys, model.keys))
    assert back.score(text) == pytest.approx(model.score(text), abs=0.15)
    (tmp_path / "m").write_bytes((tmp_path / "m").read_bytes()[:-8])
    with pytest.raises(ValueError, match="truncated"):
        read(tmp_path / "m")


def test_build_writes_what_it_reports(tmp_path):
    learnt = [Source("grammar", grammar.sentences(1, 2000)), Source("single", ["STOP", "GO"] * 50)]
    tuning = [Source("dev", grammar.sentences(2, 50)), Source("other", ["STOP", "GO", "SUBMARINE"])]
    words = choose_words([], learnt, 1, 5000)
    result = build(learnt, tuning, words, 3, 40_000, tmp_path / "m")
    assert result["bytes"] == (tmp_path / "m").stat().st_size <= 40_000
    assert result["perplexity"]["dev"]["quantised"] < 1.3 * result["perplexity"]["dev"]["mixed"]
    assert result["perplexity"]["other"]["unknownWords"] == 1
    assert result["weights"]["single"][1] > 0.1


def test_words_are_chosen_by_count_and_sorted():
    free, whole = [Source("text", ["B B B A A C'S", "D"])], [Source("said", ["Z ONE"])]
    assert choose_words(free, whole, 2, 100) == ["<unk>", "<s>", "</s>", "A", "B", "ONE", "Z"]
    assert choose_words(free, whole, 1, 6) == ["<unk>", "<s>", "</s>", "B", "ONE", "Z"]
    with pytest.raises(ValueError, match="--words|allow more"):
        choose_words(free, whole, 1, 4)


def test_text_is_checked(tmp_path):
    (tmp_path / "t.txt").write_text("good line\n\nbad 7 line\n")
    with pytest.raises(ValueError, match=r"t\.txt:3"):
        read_text([tmp_path / "t.txt"])


def test_grammar_is_seeded_and_clean():
    drawn = grammar.sentences(5, 3000)
    assert drawn == grammar.sentences(5, 3000) != grammar.sentences(6, 3000)
    assert all(re.fullmatch(r"[A-Z']+( [A-Z']+)*", sentence) for sentence in drawn)
    assert len(set(drawn)) > 1500
    assert not any(re.search(r"\bA [AEIO]", sentence) and not re.search(r"\bA ONE\b", sentence) for sentence in drawn)
    for alternatives in grammar.RULES.values():
        for name in re.findall(r"\{(\w+)\}", " ".join(alternatives)):
            assert name in grammar.RULES or name in grammar.FUNCTIONS


@pytest.mark.parametrize("value, spoken", [(0, "ZERO"), (15, "FIFTEEN"), (20, "TWENTY"), (42, "FORTY TWO"), (100, "ONE HUNDRED"), (305, "THREE HUNDRED AND FIVE"), (9999, "NINE THOUSAND NINE HUNDRED AND NINETY NINE")])
def test_numbers(value, spoken):
    assert grammar.spoken_number(value) == spoken


def test_overlap_counts_whole_sentences_and_runs():
    from tandem_training.language.overlap import overlap

    sentences = {("dev", "a"): {"ONE TWO THREE FOUR FIVE", "NINE EIGHT SEVEN SIX FIVE FOUR", "ONE TWO"}, ("test", "b"): {"ONE TWO"}}
    rows = overlap(sentences, ["zero one two three four five six", "eight seven six five four", "one two"])
    assert rows == [{"split": "dev", "set": "a", "sentences": 2, "found": 1, "runs": 3, "foundRuns": 2}]
