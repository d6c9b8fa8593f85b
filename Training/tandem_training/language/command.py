"""`python -m tandem_training language-model`: builds the edge's and the device's language model into a model folder."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy

from .corpus import Source, choose_words, draw_grammar, encode, read_text, read_transcripts
from .file import read, size_of, write
from .kneser_ney import estimate
from .ngram import END, NGramModel, Text, find, mix, tune_weights
from .pruning import losses, prune_to_size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", type=Path, nargs="+", action="append", required=True, metavar="FILE",
                        help="text, one sentence a line, .gz or not; the files of one --text are one source, repeatable")
    parser.add_argument("--manifest", type=Path, required=True, help="transcripts: the split train is learnt, dev tunes the mixture; no other is read")
    parser.add_argument("--model", type=Path, required=True, help="the model's folder: gets the files, and model.json names them")
    parser.add_argument("--order", type=int, default=3, choices=[1, 2, 3, 4])
    parser.add_argument("--seed", type=int, default=20261121, help="of the grammar's sentences")
    parser.add_argument("--grammar", type=int, default=60_000, help="sentences of the grammar; 0 for none")
    parser.add_argument("--minimum-count", type=int, default=2, help="a word of the text that is in no transcript must occur so often")
    parser.add_argument("--edge-words", type=int, default=50_000, help="the edge's vocabulary at most")
    parser.add_argument("--edge-bytes", type=int, default=6_000_000, help="the edge's file at most")
    parser.add_argument("--device-words", type=int, default=16_000, help="the device's vocabulary at most")
    parser.add_argument("--device-bytes", type=int, default=1_500_000, help="the device's file at most")
    parser.add_argument("--report", type=Path, help="append perplexities and sizes here, one JSON object a line")


def context_probabilities(model: NGramModel, texts: list[Text], weights: list[float], order: int) -> numpy.ndarray:
    """How often each n-gram of `order` is what a word is predicted from, in the mixed texts."""
    result = numpy.zeros(len(model.keys[order - 1]))
    for text, weight in zip(texts, weights, strict=True):
        grams, counts = text.counted(order)
        predicted = (text.available > 1).sum()
        places, there = find(model.keys[order - 1], grams)
        inner = there & ((grams & numpy.uint64(0xFFFF)) != END)
        result[places[inner]] += weight * counts[inner] / predicted
    return result


def build(learnt: list[Source], tuning: list[Source], words: list[str], order: int, limit: int, path: Path) -> dict:
    """Estimates, mixes, prunes, quantises and writes one model; returns what came of it."""
    index = {word: number for number, word in enumerate(words)}
    texts = [encode(source, index) for source in learnt]
    dev = {source.name: encode(source, index) for source in tuning}
    models = [estimate(text, words, order) for text in texts]
    weights = tune_weights(models, list(dev.values()))
    whole = mix(models, weights)
    shares = numpy.mean(weights, axis=0)
    found = [
        losses(whole, n, context_probabilities(whole, texts, list(shares), n - 1)) for n in range(2, order + 1)
    ]
    text_bytes = sum(len(word) for word in words)
    pruned, threshold = prune_to_size(whole, lambda counts: size_of(counts, text_bytes), limit, found)
    size = write(pruned, path)
    quantised = read(path)
    return {
        "file": path.name, "bytes": size, "order": order, "words": len(words), "ngrams": whole.counts, "kept": pruned.counts, "threshold": threshold,
        "weights": {source.name: [round(row[i], 4) for row in weights] for i, source in enumerate(learnt)},
        "perplexity": {
            name: {
                **{source.name: round(model.perplexity(text), 2) for source, model in zip(learnt, models) if source.name == "grammar" or len(source.sentences) > 10_000},
                "mixed": round(whole.perplexity(text), 2), "pruned": round(pruned.perplexity(text), 2), "quantised": round(quantised.perplexity(text), 2),
                "unknownWords": int((text.tokens == 0).sum()), "words": int((text.available > 1).sum()),
            }
            for name, text in dev.items()
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def name_in_description(folder: Path, entries: dict[str, dict]) -> None:
    """Names the files in model.json, which vouches for them; that is a new fingerprint."""
    path = folder / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description["languageModels"] = entries
    path.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def run(options: argparse.Namespace) -> int:
    if not (options.model / "model.json").exists():
        raise FileNotFoundError(f"{options.model / 'model.json'} is not there; export a model first, or name its folder with --model")
    free = [read_text(paths) for paths in options.text]
    whole = read_transcripts(options.manifest, "train")
    if options.grammar:
        whole.append(draw_grammar(options.seed, options.grammar))
    tuning = read_transcripts(options.manifest, "dev")
    entries = {}
    for side, maximum, limit in (("edge", options.edge_words, options.edge_bytes), ("device", options.device_words, options.device_bytes)):
        words = choose_words(free, whole, options.minimum_count, maximum)
        path = options.model / f"{side}.ngrams"
        result = build(free + whole, tuning, words, options.order, limit, path)
        entries[side] = {"file": path.name, "sha256": result["sha256"]}
        line = json.dumps({"result": "language-model", "for": side, **result})
        print(line)
        if options.report:
            with open(options.report, "a", encoding="utf-8") as file:
                file.write(line + "\n")
    name_in_description(options.model, entries)
    print(f"{options.model / 'model.json'} names both: the model has a new fingerprint", file=sys.stderr)
    return 0


def main() -> int:
    """For use before `python -m tandem_training` knows the subcommand: python -m tandem_training.language.command"""
    parser = argparse.ArgumentParser(prog="python -m tandem_training.language.command", description=__doc__)
    add_arguments(parser)
    try:
        return run(parser.parse_args())
    except (ValueError, FileNotFoundError) as error:
        print(f"language-model: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
