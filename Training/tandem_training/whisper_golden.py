"""Golden tensors of Whisper's family, from openai-whisper's own modules: tiny seeded models, or a whole model folder.

    python -m tandem_training golden-whisper --out ../Tests/WhisperTests/Golden
    python -m tandem_training golden-whisper --model FOLDER --audio a.wav --out FOLDER/golden

The first writes complete tiny model folders; the second, for weights that are not ours to commit, writes `golden.safetensors` and
`greedy.json` beside a link to the folder. Weights are rounded to the folder's type first, and all values are computed in float32.
Needs openai-whisper (`pip install -e 'Training[whisper]'`).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .export import DTYPES, save_safetensors, sha256

SAMPLES = 20789
# Between the best and the second best token at every decision, so that rounding cannot turn the greedy result.
MARGIN = 5e-3
CONTROLS = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|startofprev|>",
    "<|nospeech|>", "<|notimestamps|>",
]
SUBWORDS = ["<blank>", "▁", "'", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "▁THE", "ING"]


def names(settings: dict) -> dict[str, str]:
    """Our tensor names by openai-whisper's."""
    found = {
        "encoder.conv1.weight": "encoder.conv1.weight", "encoder.conv1.bias": "encoder.conv1.bias",
        "encoder.conv2.weight": "encoder.conv2.weight", "encoder.conv2.bias": "encoder.conv2.bias",
        "encoder.positional_embedding": "encoder.positions", "encoder.ln_post": "encoder.norm",
        "decoder.token_embedding.weight": "decoder.embedding.weight", "decoder.positional_embedding": "decoder.positions",
        "decoder.ln": "decoder.norm",
    }
    for part, kinds in (("encoder", [("attn", "attention")]), ("decoder", [("attn", "selfAttention"), ("cross_attn", "crossAttention")])):
        for layer in range(settings[part]["layers"]):
            theirs, ours = f"{part}.blocks.{layer}", f"{part}.layers.{layer}"
            for kind, name in kinds:
                found[f"{theirs}.{kind}_ln"] = f"{ours}.{name}.norm"
                for a, b in (("query", "query"), ("key", "key"), ("value", "value"), ("out", "output")):
                    found[f"{theirs}.{kind}.{a}"] = f"{ours}.{name}.{b}"
            found[f"{theirs}.mlp_ln"] = f"{ours}.feedForward.norm"
            found[f"{theirs}.mlp.0"] = f"{ours}.feedForward.up"
            found[f"{theirs}.mlp.2"] = f"{ours}.feedForward.down"
    return found


def our_name(theirs: str, table: dict[str, str]) -> str:
    if theirs in table:
        return table[theirs]
    module, _, kind = theirs.rpartition(".")
    return f"{table[module]}.{kind}"


def reference(settings: dict):
    """openai-whisper's model of these sizes."""
    from whisper.model import ModelDimensions, Whisper

    if any(settings[part]["feedForward"] != 4 * settings["dimension"] for part in ("encoder", "decoder")):
        raise ValueError("openai-whisper's feed-forward is four times the dimension")
    return Whisper(ModelDimensions(
        n_mels=settings["melBins"], n_audio_ctx=settings["encoder"]["positions"], n_audio_state=settings["dimension"],
        n_audio_head=settings["encoder"]["heads"], n_audio_layer=settings["encoder"]["layers"], n_vocab=settings["decoder"]["tokens"],
        n_text_ctx=settings["decoder"]["positions"], n_text_state=settings["dimension"], n_text_head=settings["decoder"]["heads"],
        n_text_layer=settings["decoder"]["layers"],
    )).eval()


def load(folder: Path):
    """A model folder as openai-whisper's model, and the tensors that it has no place for."""
    from safetensors.torch import load_file

    settings = json.loads((folder / "model.json").read_text())
    tensors = {}
    for half in ("device", "edge"):
        tensors |= {k: v.float() for k, v in load_file(str(folder / settings["weights"][half]["file"])).items()}
    model = reference(settings)
    table = names(settings)
    state = {key: tensors[our_name(key, table)] for key in model.state_dict()}
    model.load_state_dict(state)
    known = {our_name(key, table) for key in state}
    return settings, model, {key: value for key, value in tensors.items() if key not in known}


def log_mel(samples: Tensor, bins: int) -> Tensor:
    """openai-whisper's for 80 and 128 bins, whose filters it ships; for others the same filters by the same rule; [bins, frames]."""
    import whisper.audio

    if bins in (80, 128):
        return whisper.audio.log_mel_spectrogram(samples, bins)
    raise ValueError(f"openai-whisper has no filters for {bins} bins")


@torch.no_grad()
def golden_values(settings: dict, model, extra: dict[str, Tensor], samples: Tensor, prompt: list[int], controls: dict[str, int]):
    """Every intermediate value of one window, and the greedy tokens."""
    window = settings["encoder"]["positions"]
    mel = log_mel(samples, settings["melBins"])
    encoder, decoder = model.encoder, model.decoder
    x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel[None])))).transpose(1, 2)
    x = x + encoder.positional_embedding[: x.shape[1]]
    values = {"samples": samples, "logMel": mel.T, "layers.0": x[0]}
    for index, block in enumerate(encoder.blocks):
        x = block(x)
        values[f"layers.{index + 1}"] = x[0]
    for exit in settings["encoder"]["exits"]:
        k = exit["afterLayer"]
        frames = F.layer_norm(values[f"layers.{k}"], (settings["dimension"],), extra[f"exits.{k}.norm.weight"], extra[f"exits.{k}.norm.bias"])
        stacked = frames[: len(frames) // 2 * 2].reshape(len(frames) // 2, -1)
        logits = F.linear(stacked, extra[f"exits.{k}.output.weight"], extra[f"exits.{k}.output.bias"])
        values[f"exits.{k}.logProbabilities"] = logits.log_softmax(-1)
    memory = encoder.ln_post(x)
    values["memory"] = memory[0]
    if memory.shape[1] < window and "decoder.silenceTail" in extra:
        memory = torch.cat([memory, extra["decoder.silenceTail"][None]], 1)
    suppressed = torch.zeros(settings["decoder"]["tokens"])
    suppressed[settings["decoder"]["suppressedTokens"]] = -torch.inf
    suppressed[controls["<|endoftext|>"] + 1:] = -torch.inf
    tokens, margins, probability = list(prompt), [], 0.0
    limit = min(settings["decoder"]["positions"] // 2, 16 + int(len(values["memory"]) / 50 * 12))
    for step in range(limit):
        scores = decoder(torch.tensor([tokens]), memory)[0]
        if step == 0:
            no_speech = float(scores[prompt.index(controls["<|startoftranscript|>"])].softmax(-1)[controls["<|nospeech|>"]])
            values["decoder.logits"] = scores
        row = scores[-1] + suppressed
        if step == 0:
            row[settings["decoder"]["suppressedFirstTokens"]] = -torch.inf
        best = row.log_softmax(-1).topk(2)
        margins.append(float(best.values[0] - best.values[1]))
        probability += float(best.values[0])
        token = int(best.indices[0])
        if token == controls["<|endoftext|>"]:
            break
        tokens.append(token)
    greedy = {
        "tokens": tokens[len(prompt):], "ended": token == controls["<|endoftext|>"], "logProbability": probability,
        "noSpeech": no_speech, "margin": min(margins), "prompt": prompt,
    }
    return {name: value.float().contiguous() for name, value in values.items()}, greedy


def tiny_settings(multilingual: bool) -> dict:
    tokens = 256 + len(CONTROLS)
    return {
        "format": "tandem-model", "version": 1, "family": "whisper", "name": "golden-" + ("exits" if multilingual else "plain"),
        "melBins": 128 if multilingual else 80, "dimension": 24 if multilingual else 16,
        "encoder": {
            "heads": 3 if multilingual else 2, "layers": 3 if multilingual else 2, "feedForward": 96 if multilingual else 64,
            # 3 s, or less than the recording's window: with a tail, or without.
            "positions": 150 if multilingual else 65, "deviceLayers": 2,
            "exits": [{"afterLayer": 1}, {"afterLayer": 2}] if multilingual else [],
        },
        "decoder": {
            "heads": 3 if multilingual else 2, "layers": 2, "feedForward": 96 if multilingual else 64, "positions": 48,
            "tokens": tokens, "isMultilingual": multilingual, "language": "de" if multilingual else None,
            "suppressedTokens": [3, 7, 100], "suppressedFirstTokens": [220, 256],
            "alignmentHeads": [[1, 0], [1, 1]], "silenceTailFrames": 20 if multilingual else 0,
        },
    }


def randomize(model, extra: dict[str, Tensor], generator: torch.Generator) -> None:
    for name, value in [*model.named_parameters(), *extra.items()]:
        noise = torch.randn(value.shape, generator=generator)
        if "ln" in name.split(".")[-2] or ".norm." in name:
            value.data = (1 if name.endswith("weight") else 0) + 0.2 * noise
        elif "positional" in name or name.endswith("silenceTail"):
            value.data = 0.8 * noise
        elif "token_embedding" in name:
            value.data = 0.7 * noise
        elif value.dim() == 1:
            value.data = 0.1 * noise
        else:
            value.data = 1.4 * noise / (value[0].numel() ** 0.5)


def tokenizer_json() -> dict:
    """256 tokens of one byte each, and the control tokens that a prompt needs."""
    spelled, beyond = {}, 256
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            spelled[chr(byte)] = byte
        else:
            spelled[chr(beyond)] = byte
            beyond += 1
    return {
        "model": {"type": "BPE", "vocab": spelled, "merges": []},
        "added_tokens": [{"id": 256 + i, "content": name, "special": True} for i, name in enumerate(CONTROLS)],
    }


def write_tiny(out: Path) -> None:
    """Writes `out/plain` (English-only, no exits, F32) and `out/exits` (multilingual, exits, silence tail, F16)."""
    from .golden import golden_samples

    torch.set_num_threads(1)
    controls = {name: 256 + i for i, name in enumerate(CONTROLS)}
    for name, dtype in (("plain", "float32"), ("exits", "float16")):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        settings = tiny_settings(name == "exits")
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(), ensure_ascii=False) + "\n", encoding="utf-8")
        settings["tokenizer"] = {"file": "tokenizer.json", "sha256": sha256(folder / "tokenizer.json")}
        if settings["encoder"]["exits"]:
            content = {"kind": "subwords", "tokens": SUBWORDS}
            (folder / "vocabulary.json").write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
            settings["vocabulary"] = {"file": "vocabulary.json", "sha256": sha256(folder / "vocabulary.json")}
        for seed in range(10000):
            generator = torch.Generator().manual_seed(seed)
            model, d = reference(settings), settings["dimension"]
            extra = {}
            for exit in settings["encoder"]["exits"]:
                k = exit["afterLayer"]
                extra |= {
                    f"exits.{k}.norm.weight": torch.zeros(d), f"exits.{k}.norm.bias": torch.zeros(d),
                    f"exits.{k}.output.weight": torch.zeros(len(SUBWORDS), 2 * d), f"exits.{k}.output.bias": torch.zeros(len(SUBWORDS)),
                }
            if settings["decoder"]["silenceTailFrames"]:
                extra["decoder.silenceTail"] = torch.zeros(settings["decoder"]["silenceTailFrames"], d)
            randomize(model, extra, generator)
            table = names(settings)
            tensors = {our_name(key, table): value for key, value in model.state_dict().items()} | extra
            tensors = {key: (value.detach().to(DTYPES[dtype]) if value.dim() > 1 else value.detach()).contiguous() for key, value in tensors.items()}
            layers = tuple(f"encoder.layers.{i}." for i in range(settings["encoder"]["deviceLayers"]))
            stem = ("encoder.conv", "encoder.positions")
            halves = {
                "device": {k: v for k, v in tensors.items() if k.startswith((*stem, "exits.", *layers))},
                "edge": {k: v for k, v in tensors.items() if not k.startswith("exits.")},
            }
            settings["weights"] = {}
            for half, content in halves.items():
                save_safetensors(content, folder / f"{half}.safetensors")
                settings["weights"][half] = {"file": f"{half}.safetensors", "sha256": sha256(folder / f"{half}.safetensors")}
            (folder / "model.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
            samples = golden_samples(generator)
            # As long a window as the engine lays over so much speech; in `plain` the longest that there is.
            length = 40000 if settings["encoder"]["exits"] else settings["encoder"]["positions"] * 320
            samples = F.pad(samples[:length], (0, max(0, length - len(samples))))
            prompt = [controls["<|startoftranscript|>"]]
            if settings["decoder"]["isMultilingual"]:
                prompt += [controls["<|de|>"], controls["<|transcribe|>"]]
            prompt.append(controls["<|notimestamps|>"])
            values, greedy = golden_values(*load(folder), samples, prompt, controls)
            said = greedy["tokens"]
            if greedy["margin"] > MARGIN and greedy["ended"] and 4 <= len(said) and len(set(said)) >= 4:
                break
        else:
            raise ValueError(f"golden {name}: no seed gives varied outputs; change the scales in randomize()")
        save_safetensors(values, folder / "golden.safetensors")
        (folder / "greedy.json").write_text(json.dumps({"seed": seed, **greedy}) + "\n", encoding="utf-8")
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{folder}: seed {seed}, smallest margin {greedy['margin']:.4f}, {size / 1000:.0f} kB, {greedy}")


def write_reference(folder: Path, audio: Path, out: Path, seconds: float | None) -> None:
    """`out/golden.safetensors` and `out/greedy.json` of a whole model folder over one recording; None pads it to 30 s."""
    from .audio import read_audio

    settings, model, extra = load(folder)
    added = json.loads((folder / settings["tokenizer"]["file"]).read_text())["added_tokens"]
    controls = {token["content"]: token["id"] for token in added}
    controls.setdefault("<|nospeech|>", controls.get("<|nocaptions|>", 0))
    length = int((seconds or settings["encoder"]["positions"] / 50) * 16000)
    samples = torch.from_numpy(read_audio(audio).astype("float32") / 32768)[:length]
    samples = F.pad(samples, (0, length - len(samples)))
    prompt = [controls["<|startoftranscript|>"]]
    if settings["decoder"]["isMultilingual"]:
        prompt += [controls[f"<|{settings['decoder'].get('language') or 'en'}|>"], controls["<|transcribe|>"]]
    prompt.append(controls["<|notimestamps|>"])
    values, greedy = golden_values(settings, model, extra, samples, prompt, controls)
    out.mkdir(parents=True, exist_ok=True)
    save_safetensors(values, out / "golden.safetensors")
    (out / "greedy.json").write_text(json.dumps({"seed": 0, "model": str(folder.resolve()), **greedy}) + "\n", encoding="utf-8")
    print(f"{out}: {greedy}")
