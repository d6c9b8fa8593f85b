"""Reads CTranslate2's model.bin of a Whisper model under the names of docs/model-format.md."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy
import torch
from torch import Tensor

_TYPES = {0: numpy.float32, 1: numpy.int8, 2: numpy.int16, 3: numpy.int32, 4: numpy.float16}


def _variables(path: Path) -> dict[str, numpy.ndarray]:
    """Variables of a model.bin of CTranslate2's specification 6, aliases resolved."""
    with open(path, "rb") as file:
        def string() -> str:
            (length,) = struct.unpack("<H", file.read(2))
            return file.read(length)[:-1].decode()

        (version,) = struct.unpack("<I", file.read(4))
        name = string()
        if version != 6 or name != "WhisperSpec":
            raise ValueError(f"{path}: holds {name!r} in version {version}; a Whisper model in CTranslate2's format, version 6, is needed")
        file.read(4)
        variables = {}
        for _ in range(struct.unpack("<I", file.read(4))[0]):
            key = string()
            (rank,) = struct.unpack("<B", file.read(1))
            shape = struct.unpack(f"<{rank}I", file.read(4 * rank))
            kind, size = struct.unpack("<BI", file.read(5))
            variables[key] = numpy.frombuffer(file.read(size), _TYPES[kind]).reshape(shape)
        for _ in range(struct.unpack("<I", file.read(4))[0]):
            alias = string()
            variables[alias] = variables[string()]
    return variables


def read_ctranslate2(path: Path) -> dict[str, Tensor]:
    """Tensors of a Whisper model.bin, float32, by the names of `Whisper`'s parameters."""
    variables = _variables(path)
    tensors: dict[str, Tensor] = {}

    def put(name: str, values: numpy.ndarray) -> None:
        tensors[name] = torch.from_numpy(values.astype(numpy.float32))

    def norm(name: str, source: str) -> None:
        put(f"{name}.weight", variables[f"{source}/gamma"])
        put(f"{name}.bias", variables[f"{source}/beta"])

    def linear(name: str, source: str) -> None:
        put(f"{name}.weight", variables[f"{source}/weight"])
        put(f"{name}.bias", variables[f"{source}/bias"])

    def attention(name: str, source: str, crossed: bool) -> None:
        norm(f"{name}.norm", f"{source}/layer_norm")
        first = variables[f"{source}/linear_0/weight"], variables[f"{source}/linear_0/bias"]
        if crossed:
            put(f"{name}.query.weight", first[0])
            put(f"{name}.query.bias", first[1])
            second = variables[f"{source}/linear_1/weight"], variables[f"{source}/linear_1/bias"]
            parts, output = zip(numpy.split(second[0], 2), numpy.split(second[1], 2)), f"{source}/linear_2"
            names = ("key", "value")
        else:
            parts, output = zip(numpy.split(first[0], 3), numpy.split(first[1], 3)), f"{source}/linear_1"
            names = ("query", "key", "value")
        for part, (weight, bias) in zip(names, parts):
            put(f"{name}.{part}.weight", weight)
            if part == "key":
                if numpy.any(bias):
                    raise ValueError(f"{source}: Whisper's keys have no bias, but this one does")
            else:
                put(f"{name}.{part}.bias", bias)
        linear(f"{name}.output", output)

    def feed_forward(name: str, source: str) -> None:
        norm(f"{name}.norm", f"{source}/layer_norm")
        linear(f"{name}.up", f"{source}/linear_0")
        linear(f"{name}.down", f"{source}/linear_1")

    def layers(half: str) -> int:
        number = 0
        while f"{half}/layer_{number}/ffn/linear_0/weight" in variables:
            number += 1
        return number

    for name in ("conv1", "conv2"):
        linear(f"encoder.{name}", f"encoder/{name}")
    put("encoder.positions", variables["encoder/position_encodings/encodings"])
    for number in range(layers("encoder")):
        attention(f"encoder.layers.{number}.attention", f"encoder/layer_{number}/self_attention", crossed=False)
        feed_forward(f"encoder.layers.{number}.feedForward", f"encoder/layer_{number}/ffn")
    norm("encoder.norm", "encoder/layer_norm")
    put("decoder.embedding.weight", variables["decoder/embeddings/weight"])
    put("decoder.positions", variables["decoder/position_encodings/encodings"])
    for number in range(layers("decoder")):
        attention(f"decoder.layers.{number}.selfAttention", f"decoder/layer_{number}/self_attention", crossed=False)
        attention(f"decoder.layers.{number}.crossAttention", f"decoder/layer_{number}/attention", crossed=True)
        feed_forward(f"decoder.layers.{number}.feedForward", f"decoder/layer_{number}/ffn")
    norm("decoder.norm", "decoder/layer_norm")
    return tensors


def read_weights(path: Path) -> dict[str, Tensor]:
    """A public model's tensors: CTranslate2's model.bin, or a torch file of tensors by name (for tests)."""
    return torch.load(path, weights_only=True) if path.suffix == ".pt" else read_ctranslate2(path)
