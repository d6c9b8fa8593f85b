"""python -m tandem_training prepare|train|evaluate|export|summarise|golden"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tandem_training", description="From a manifest to a Tandem model; see Training/README.md.")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("prepare", help="decode a manifest's recordings once into a cache of 16-bit samples")
    command.add_argument("--manifest", type=Path, required=True, help="tab separated: path, split, text (and set, speaker)")
    command.add_argument("--split", action="append", help="a split to decode, repeatable; default: train and dev")
    command.add_argument("--noise", type=Path, help="a manifest of noise recordings (only `path` is needed)")
    command.add_argument("--without-noise", action="append", default=[], metavar="NAME", help="a noise recording to leave out, repeatable")
    command.add_argument("--cache", type=Path, required=True, help="folder for the cache, outside git")
    command.add_argument("--processes", type=int, default=2)

    command = commands.add_parser("train", help="train from a recipe, or go on from the run's checkpoint")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoint.pt, vocabulary.json, log.jsonl")
    command.add_argument("--steps", type=int, help="steps in all, instead of the recipe's")
    command.add_argument("--minutes", type=float, help="stop (with a checkpoint) after so many minutes")

    command = commands.add_parser("evaluate", help="greedy word error rates of every exit and of the transducer")
    command.add_argument("--model", type=Path, required=True, help="folder of an exported model")
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--split", default="dev")

    command = commands.add_parser("export", help="write a run's averaged weights as a model folder")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--run", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float16")

    command = commands.add_parser("summarise", help="a run's losses and dev error rates as one JSON object a line")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--run", type=Path, required=True)
    command.add_argument("--every", type=int, default=250, help="keep the losses of every so many steps")

    command = commands.add_parser("golden", help="tiny seeded models with every intermediate value, for the engine's tests")
    command.add_argument("--out", type=Path, required=True)
    return parser


def main() -> int:
    options = arguments().parse_args()
    # Imports stand here so that --help answers at once.
    from .data import Cache, ManifestError, prepare, read_manifest
    from .recipe import RecipeError, load_recipe

    try:
        if options.command == "prepare":
            recordings = read_manifest(options.manifest)
            splits = options.split or ["train", "dev"]
            jobs = [(split, [recording for recording in recordings if recording.split == split]) for split in splits]
            for split, chosen in jobs:
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
        elif options.command == "train":
            from .train import Run

            recipe = load_recipe(options.recipe)
            Run(recipe, options.cache, options.run).train(options.steps or recipe.training.steps, options.minutes)
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

            export_run(load_recipe(options.recipe), options.run, options.out, options.dtype)
        elif options.command == "summarise":
            from .report import summarise_run

            for record in summarise_run(load_recipe(options.recipe), options.run, options.every):
                print(json.dumps(record))
        elif options.command == "golden":
            from .golden import write_golden

            write_golden(options.out)
    except (ManifestError, RecipeError, FileNotFoundError, ValueError) as error:
        print(f"tandem_training {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
