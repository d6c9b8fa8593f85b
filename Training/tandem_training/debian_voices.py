"""Debian's flite and espeak-ng as synthesisers: three recorded speakers' statistical voices, and rules with many accents.

They sound less like people than Kokoro-82M and take a quarter of its time; what they add is other speakers and accents
(awb is Scottish) under many more sentences.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy
import soundfile
from scipy.signal import resample_poly

from .audio import SAMPLE_RATE
from .synthesis import SynthesisError, Voice

# flite's voices with their usual pitch in hertz, which is shifted by up to a fifth.
FLITE = {"awb": 130.0, "rms": 100.0, "slt": 175.0}
ESPEAK_DIALECTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029")
ESPEAK_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")
ESPEAK_SHARE = 0.15
TIMEOUT = 20  # seconds for one sentence


class DebianVoices:
    """`speak` as `synthesis.Synthesiser` has it; which program speaks, and how, follows from the voice's seed and speed."""

    styles: tuple[str, ...] = tuple(FLITE)

    def __init__(self, threads: int = 1):
        del threads  # both programs use one
        for program in ("flite", "espeak-ng"):
            if shutil.which(program) is None:
                raise SynthesisError(f"{program} is not installed: apt install {program}")

    def command(self, text: str, voice: Voice, out: Path) -> list[str]:
        """What is run to write a text, spoken by a voice, to a WAV file."""
        generator = random.Random(voice.offset_seed)
        if generator.random() < ESPEAK_SHARE:
            name = f"{generator.choice(ESPEAK_DIALECTS)}+{generator.choice(ESPEAK_VARIANTS)}"
            return ["espeak-ng", "-v", name, "-s", str(round(165 * voice.speed)), "-p", str(generator.randint(25, 75)), "-w", str(out), "--", text]
        name = generator.choice(sorted(FLITE))
        pitch = FLITE[name] * generator.uniform(0.8, 1.2)
        return [
            "flite", "-voice", name, "--setf", f"duration_stretch={1 / voice.speed:.3f}", "--setf", f"int_f0_target_mean={pitch:.1f}",
            "-t", text, "-o", str(out),
        ]

    def speak(self, text: str, voice: Voice) -> numpy.ndarray | None:
        """16 kHz samples in [-1, 1], or None when the program made no sound."""
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            subprocess.run(self.command(text, voice, Path(file.name)), check=True, capture_output=True, timeout=TIMEOUT)
            samples, rate = soundfile.read(file.name, dtype="float32")
        if samples.size == 0:
            return None
        return samples if rate == SAMPLE_RATE else resample_poly(samples, SAMPLE_RATE, rate).astype(numpy.float32)
