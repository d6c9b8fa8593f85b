"""python -m tandem_training librispeech|prepare|synthesise|teach|train|train-timed|evaluate|export|average|experiment|plot|tables|language-model|overlap|peer|summarise|golden|golden-whisper"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


from .language import command as language_command


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tandem_training", description="From a manifest to a Tandem model; see Training/README.md.")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("librispeech", help="write the manifest of an unpacked LibriSpeech")
    command.add_argument("--folder", type=Path, required=True, help="the folder LibriSpeech, which holds train-clean-100 and so on")
    command.add_argument("--out", type=Path, required=True, help="the manifest to write")

    command = commands.add_parser("prepare", help="decode a manifest's recordings once into a cache of 16-bit samples")
    command.add_argument("--manifest", type=Path, required=True, help="tab separated: path, split, text (and set, speaker)")
    command.add_argument("--split", action="append", help="a split to decode, repeatable; default: train and dev")
    command.add_argument("--name", help="name of the cache, where one split is decoded; default: the split's")
    command.add_argument("--noise", type=Path, help="a manifest of noise recordings (only `path` is needed)")
    command.add_argument("--without-noise", action="append", default=[], metavar="NAME", help="a noise recording to leave out, repeatable")
    command.add_argument("--cache", type=Path, required=True, help="folder for the cache, outside git")
    command.add_argument("--lexicon", type=Path, help="a pronunciation lexicon in CMUdict's format, for recipes with training.phones")
    command.add_argument("--rooms", type=int, default=0, help="simulate so many rooms, for recipes with augmentation.roomProbability")
    command.add_argument("--opus", action="store_true", help="also keep the training clips coded at about 7 to 12 kbit/s, for augmentation.opusProbability")
    command.add_argument("--processes", type=int, default=2)

    command = commands.add_parser("synthesise", help="make synthetic speech for training; goes on where it was stopped")
    command.add_argument("--text", type=Path, required=True, help="folder of *.txt.gz: a sentence a line, a-z, apostrophe, space")
    command.add_argument("--manifest", type=Path, required=True, help="its short training texts are said too; its dev and test texts never are")
    command.add_argument("--out", type=Path, required=True, help="folder for shards and manifest.tsv, outside git")
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--engine", choices=["kokoro", "debian"], default="kokoro", help="Kokoro-82M, or Debian's flite and espeak-ng")
    command.add_argument("--shards", type=int, default=400, help="shards of 50 utterances; about 400 make 20 h")
    command.add_argument("--worker", default="0/1", help="this process's part of the shards, as 0/2 and 1/2")
    command.add_argument("--teacher", action="store_true", help="drop what Whisper tiny.en misunderstands")
    command.add_argument("--threads", type=int, default=1)

    command = commands.add_parser("teach", help="what Whisper tiny.en's encoder makes of a cache, for recipes with training.teacher")
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--name", action="append", required=True, help="a cache's name, repeatable")
    command.add_argument("--threads", type=int, default=1)

    command = commands.add_parser("train", help="train from a recipe, or go on from the run's checkpoint")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoint.pt, vocabulary.json, log.jsonl")
    command.add_argument("--steps", type=int, help="steps in all, instead of the recipe's")
    command.add_argument("--initialise", type=Path, metavar="CHECKPOINT", help="another run's checkpoint.pt to take subsampling and blocks from")
    command.add_argument("--initialise-whole", type=Path, metavar="CHECKPOINT", help="another run's checkpoint.pt to go on from, with other data or more blocks: takes all that fits, and the vocabulary beside it")
    command.add_argument("--minutes", type=float, help="stop (with a checkpoint) after so many minutes")

    command = commands.add_parser("train-timed", help="train by the clock on one accelerator, then export and evaluate; for machines lent by the minute")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--run", type=Path, required=True, help="folder of the run: becomes a model folder, with log.jsonl and dev.jsonl")
    command.add_argument("--out", type=Path, help="folder that also gets the weights, and all the rest as run.tar.gz, every two minutes and at the end")
    command.add_argument("--start", type=Path, metavar="MODEL", help="a model folder to go on from; default: from scratch")
    command.add_argument("--minutes", type=float, required=True, help="of the whole run, evaluation included")
    command.add_argument("--reserve", type=float, help="seconds of them for export and evaluation (60, or 40 %% of a short run)")

    command = commands.add_parser("evaluate", help="greedy word error rates of every exit and of the transducer")
    command.add_argument("--model", type=Path, required=True, help="folder of an exported model")
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--split", default="dev")

    command = commands.add_parser("export", help="write a run's averaged weights as a model folder")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--run", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float16")
    command.add_argument("--average-with", type=Path, metavar="CHECKPOINT", help="checkpoint.pt of the run that this one went on from: exports the mean of both")
    command.add_argument("--share", type=float, help="of this run in that mean (default 0.5)")

    command = commands.add_parser("average", help="write the mean of two model folders of the same shape, such as a run's end and what it started from")
    command.add_argument("--model", type=Path, required=True)
    command.add_argument("--with", dest="other", type=Path, required=True, metavar="MODEL")
    command.add_argument("--share", type=float, default=0.5, help="of --model in the mean (0.5)")
    command.add_argument("--out", type=Path, required=True)

    command = commands.add_parser("experiment", help="train, evaluate, table and draw the runs of an experiment; done ones are kept")
    command.add_argument("--experiment", type=Path, action="append", required=True, help="a file of recipes/experiments, repeatable")
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--runs", type=Path, required=True, help="folder of the runs, outside git")
    command.add_argument("--out", type=Path, required=True, help="folder for experiment-NAME.jsonl, .md and .svg")
    command.add_argument("--only", action="append", help="a run's name, repeatable; default: all")
    command.add_argument("--engine", help="a tandem-evaluate that measures what each run's first pass costs; not for models that only train")
    command.add_argument("--language-model", type=Path, metavar="NGRAMS", help="let --engine decode the runs with `search` with this edge.ngrams, on dev, instead of measuring costs")
    command.add_argument("--noise", type=Path, metavar="AUDIO", help="let --engine decode every run's dev with this noise mixed in, instead of measuring costs")
    command.add_argument("--snr", type=float, default=10.0, help="decibels of speech above --noise (10)")
    command.add_argument("--manifest", type=Path, help="the dev recordings for --language-model and --noise")

    command = commands.add_parser("plot", help="draw a run's losses and dev error rates")
    command.add_argument("--run", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True, help="an SVG file")

    command = commands.add_parser("tables", help="tables and plots of what Benchmarks/english.sh measured; fills a model card's tables")
    command.add_argument("--results", type=Path, required=True, help="english.jsonl")
    command.add_argument("--out", type=Path, help="folder for experiment-noise and experiment-language-model")
    command.add_argument("--card", type=Path, help="a MODEL_CARD.md whose tables are to be filled")

    command = commands.add_parser("summarise", help="a run's losses and dev error rates as one JSON object a line")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--run", type=Path, required=True)
    command.add_argument("--every", type=int, default=250, help="keep the losses of every so many steps")

    command = commands.add_parser("language-model", help="build the edge's and the device's language model into a model folder")
    language_command.add_arguments(command)

    command = commands.add_parser("overlap", help="how much of dev and test stands in texts and training transcripts, as JSON lines")
    command.add_argument("--manifest", type=Path, required=True)
    command.add_argument("--text", type=Path, nargs="+", required=True, metavar="FILE")

    command = commands.add_parser("peer", help="Whisper tiny.en: paths on standard input, JSON lines with transcripts on standard output")
    command.add_argument("--threads", type=int, default=1)

    command = commands.add_parser("golden", help="tiny seeded models with every intermediate value, for the engine's tests")
    command.add_argument("--out", type=Path, required=True)

    command = commands.add_parser("golden-whisper", help="the same for Whisper's family, by openai-whisper; or for a whole model folder and a recording")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--model", type=Path, help="a model folder; tiny models of its own if left out")
    command.add_argument("--audio", type=Path, help="a recording for --model")
    command.add_argument("--seconds", type=float, help="the window's length; the longest if left out")
    return parser


def synthesise_command(options: argparse.Namespace) -> int:
    from .data import read_manifest
    from .language.grammar import sentences
    from .debian_voices import DebianVoices
    from .synthesis import Plan, Synthesiser, gather, read_sentences, synthesise

    recordings = read_manifest(options.manifest)
    short = {recording.text.lower() for recording in recordings if recording.split == "train" and len(recording.text.split()) <= 2}
    worker, workers = map(int, options.worker.split("/"))
    plan = Plan(
        seed=options.seed, words=tuple(sorted(short)), grammar=tuple(sentence.lower() for sentence in sentences(options.seed, 20000)),
        sentences=tuple(read_sentences(options.text)),
        forbidden=frozenset(recording.text for recording in recordings if recording.split != "train"),
    )
    engine = {"kokoro": Synthesiser, "debian": DebianVoices}[options.engine]
    kept, seconds = synthesise(plan, options.out, range(worker, options.shards, workers), options.teacher, options.threads, engine)
    print(f"{options.out}: {kept} utterances, {seconds / 3600:.2f} h in this worker's shards; {gather(options.out)} in manifest.tsv")
    return 0


def main() -> int:
    options = arguments().parse_args()
    # Imports stand here so that --help answers at once.
    import numpy

    from .data import Cache, ManifestError, prepare, prepare_opus, read_manifest
    from .lexicon import Lexicon, LexiconError, read_cmudict
    from .recipe import RecipeError, load_recipe
    from .rooms import room_responses
    from .measurements import MeasurementsError
    from .synthesis import SynthesisError

    try:
        if options.command == "prepare":
            if options.lexicon:
                options.cache.mkdir(parents=True, exist_ok=True)
                Lexicon(read_cmudict(options.lexicon)).save(options.cache / "lexicon.json")
            recordings = read_manifest(options.manifest)
            splits = options.split or ["train", "dev"]
            if options.name and len(splits) != 1:
                raise ValueError("--name names the cache of one split: give --split once")
            jobs = [(options.name or split, [recording for recording in recordings if recording.split == split]) for split in splits]
            for split, (_, chosen) in zip(splits, jobs):
                if not chosen:
                    raise ManifestError(f"{options.manifest}: no line has the split {split!r}")
            if options.noise:
                noise = read_manifest(options.noise, needs_text=False)
                jobs.append(("noise", [recording for recording in noise if recording.path.stem not in options.without_noise]))
            for name, chosen in jobs:
                samples, complaints = prepare(chosen, options.cache, name, options.processes)
                for complaint in complaints:
                    print(f"skipped: {complaint}", file=sys.stderr)
                print(f"{name}: {len(chosen) - len(complaints)} recordings, {samples / 16000 / 3600:.2f} h, {len(complaints)} skipped")
                if options.opus and name not in ("dev", "test", "noise"):
                    prepare_opus(options.cache, name, options.processes)
            if options.rooms:
                numpy.save(options.cache / "rooms.npy", room_responses(options.rooms, seed=1))
        elif options.command == "librispeech":
            from .librispeech import librispeech_manifest

            for subset, count in librispeech_manifest(options.folder, options.out).items():
                print(f"{subset}: {count} utterances")
        elif options.command == "synthesise":
            return synthesise_command(options)
        elif options.command == "teach":
            from .teacher import TeacherEncoder, teach

            encoder = TeacherEncoder(options.threads)
            for name in options.name:
                frames = teach(Cache(options.cache, name), options.cache / f"{name}.teacher", options.cache / "teacher.json", encoder)
                print(f"{name}: {frames} targets, {frames / 25 / 3600:.2f} h")
        elif options.command == "train":
            from .train import Run

            recipe = load_recipe(options.recipe)
            initialise = options.initialise_whole or options.initialise
            Run(recipe, options.cache, options.run, initialise, options.initialise_whole is not None).train(options.steps or recipe.training.steps, options.minutes)
        elif options.command == "train-timed":
            from .timed import TimedRun

            TimedRun(load_recipe(options.recipe), options.cache, options.run, options.start, options.minutes, options.reserve, options.out).train()
        elif options.command == "evaluate":
            from .evaluate import evaluate
            from .export import load_model

            from .export import sha256
            from .report import provenance

            model, vocabulary = load_model(options.model)
            origin = {**provenance(None), "fingerprint": sha256(options.model / "model.json")}
            cache = Cache(options.cache, options.split)
            for path, sets in evaluate(model, vocabulary, cache, cache.clips).errors.items():
                for name, errors in sorted(sets.items()):
                    print(json.dumps({
                        "result": "greedy-wer", "split": options.split, "path": path, "set": name, "wer": round(errors.rate, 5),
                        **vars(errors), **origin,
                    }))
        elif options.command == "export":
            from .export import export_run

            export_run(load_recipe(options.recipe), options.run, options.out, options.dtype, options.average_with, options.share)
        elif options.command == "average":
            from .export import average_models

            print(f"{options.out}: fingerprint {average_models(options.model, options.other, options.share, options.out)}")
        elif options.command == "experiment":
            from .experiment import Experiment, add_costs, add_noise, add_searches, run_experiment, write_results

            if (options.language_model or options.noise) and not (options.engine and options.manifest):
                raise ValueError("--language-model and --noise want --engine and --manifest: it is the engine that decodes dev's recordings")
            for path in options.experiment:
                experiment = Experiment.load(path)
                records = run_experiment(experiment, options.cache, options.runs, options.only)
                if options.language_model:
                    add_searches(experiment, records, options.runs, options.engine, options.manifest, options.language_model)
                elif options.noise:
                    add_noise(experiment, records, options.runs, options.engine, options.manifest, options.noise, options.snr)
                elif options.engine:
                    add_costs(experiment, records, options.runs, options.engine)
                for written in write_results(experiment, records, options.out):
                    print(written)
        elif options.command == "plot":
            from .plot import draw_run

            draw_run(options.run / "log.jsonl", options.out)
        elif options.command == "tables":
            from .measurements import Measurements, draw, fill_card

            found = Measurements.load(options.results)
            for name in fill_card(options.card, found) if options.card else []:
                print(f"{options.card}: {name}")
            for written in draw(found, options.out) if options.out else []:
                print(written)
        elif options.command == "summarise":
            from .report import summarise_run

            for record in summarise_run(load_recipe(options.recipe), options.run, options.every):
                print(json.dumps(record))
        elif options.command == "language-model":
            return language_command.run(options)
        elif options.command == "overlap":
            from .language.corpus import read_text
            from .language.overlap import manifest_sentences, overlap
            from .report import provenance

            learnt = {"text": read_text(options.text).sentences, "train": [line.text for line in read_manifest(options.manifest) if line.split == "train"]}
            for source, sentences in learnt.items():
                for row in overlap(manifest_sentences(options.manifest), sentences):
                    print(json.dumps({"result": "overlap", "with": source, **row, **provenance(None)}))
        elif options.command == "peer":
            from .peer import run

            return run(options.threads)
        elif options.command == "golden":
            from .golden import write_golden

            write_golden(options.out)
        elif options.command == "golden-whisper":
            from .whisper_golden import write_reference, write_tiny

            if (options.model is None) != (options.audio is None):
                raise ValueError("golden-whisper: --model and --audio go together")
            if options.model is None:
                write_tiny(options.out)
            else:
                write_reference(options.model, options.audio, options.out, options.seconds)
    except (ManifestError, RecipeError, LexiconError, SynthesisError, MeasurementsError, FileNotFoundError, InterruptedError, ValueError) as error:
        print(f"tandem_training {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
