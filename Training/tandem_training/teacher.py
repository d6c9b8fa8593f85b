"""Distillation: what Whisper tiny.en's encoder makes of the training audio, as targets for our own encoders.

Each clip goes through the teacher once, as it is; its outputs, 50 a second, are averaged in pairs to our 25 frames a second, standardised
and kept as 8-bit numbers beside the cache. In training the clip is noisy, reverberant, faster or cut: the student learns to hear through that.
The teacher is the one of `synthesis.Teacher`; what it was taught on is not known to us in detail, and the model card names it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy

from .audio import SAMPLE_RATE
from .progress import progress

FRAME = SAMPLE_RATE // 25          # samples of a target
SCALE = 20.0                       # steps of a standard deviation: 8 bits reach 6.35 of them
WIDTH = 384                        # of tiny.en's encoder
PADDING = SAMPLE_RATE              # silence behind a clip; against 30 s of it the outputs' cosine is 0.97
MEASURED = 400                     # clips that mean and deviation are measured on


def target_frames(samples: int) -> int:
    """Targets of a clip: one for each begun 40 ms."""
    return -(-samples // FRAME)


class TeacherEncoder:
    """Whisper tiny.en's encoder on the CPU: 16 kHz samples → [targets, 384]."""

    def __init__(self, threads: int = 1):
        from .synthesis import Teacher

        self._model = Teacher(threads, "float32").model

    def encode(self, samples: numpy.ndarray) -> numpy.ndarray:
        count = target_frames(samples.size)
        padded = numpy.concatenate([samples, numpy.zeros(PADDING, dtype=numpy.float32)])
        features = self._model.feature_extractor(padded, padding=0)
        features = features[:, : min(3000, features.shape[1] // 2 * 2)]
        outputs = numpy.array(self._model.encode(features))[0]
        pairs = outputs[: outputs.shape[0] // 2 * 2].reshape(-1, 2, outputs.shape[1]).mean(1)
        # Beyond thirty seconds the teacher hears nothing: its last output stays.
        return pairs[numpy.minimum(numpy.arange(count), pairs.shape[0] - 1)]


def teach(cache, path: Path, statistics: Path, encoder) -> int:
    """Writes the targets of every clip of a cache, in its order: int8 [frames, width]; returns the frames.

    `statistics` holds mean and deviation; it is measured on this cache where it is not there yet, so that several caches share it.
    """
    if not statistics.exists():
        step = max(1, len(cache.clips) // MEASURED)
        together = numpy.concatenate([encoder.encode(cache.samples(clip)) for clip in cache.clips[::step]])
        content = {"mean": together.mean(0).tolist(), "standardDeviation": together.std(0).tolist(), "clips": len(cache.clips[::step])}
        partial = statistics.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        os.replace(partial, statistics)
    content = json.loads(statistics.read_text(encoding="utf-8"))
    mean, deviation = (numpy.array(content[key], dtype=numpy.float32) for key in ("mean", "standardDeviation"))
    deviation = numpy.maximum(deviation, 1e-6)
    frames = 0
    with open(f"{path}.partial", "wb") as file:
        for clip in progress(cache.clips, len(cache.clips), "teacher"):
            outputs = (encoder.encode(cache.samples(clip)) - mean) / deviation
            assert len(outputs) == target_frames(clip.samples)
            file.write(numpy.clip(numpy.rint(outputs * SCALE), -127, 127).astype(numpy.int8).tobytes())
            frames += len(outputs)
    os.replace(f"{path}.partial", path)
    return frames


class Targets:
    """The targets of one cache, memory-mapped."""

    def __init__(self, path: Path, clips: list, width: int):
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there; run `python -m tandem_training teach` first")
        self._first, place = {}, 0
        for clip in clips:
            self._first[clip] = place
            place += target_frames(clip.samples)
        if path.stat().st_size != place * width:
            raise ValueError(f"{path}: belongs to another cache; make it anew with `python -m tandem_training teach`")
        self._rows = numpy.memmap(path, dtype=numpy.int8, mode="r", shape=(place, width))

    def rows(self, clip, samples: numpy.ndarray) -> numpy.ndarray:
        """The targets that hold at these samples of a clip: [len(samples), width]."""
        frames = numpy.clip(samples // FRAME, 0, target_frames(clip.samples) - 1)
        return self._rows[self._first[clip] + frames]
