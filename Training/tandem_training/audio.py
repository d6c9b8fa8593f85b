"""Reading audio files as 16 kHz mono samples."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy
import soundfile
from scipy.signal import resample_poly

SAMPLE_RATE = 16000


class AudioError(Exception):
    """A file that cannot be used as audio; the message names it and says what to do."""


def read_audio(path: Path) -> numpy.ndarray:
    """Samples of one file as int16, 16 kHz, mono; shape [samples].

    Ogg Opus declares the rate of its source (8, 16, 22.05 or 48 kHz) and libsndfile hands it out at
    that rate, so resampling is decided by what the file says, never by its name.
    """
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{path}: cannot be read as audio ({error}); remove its line from the manifest or replace the file") from error
    mono = samples.mean(axis=1)
    if mono.size == 0:
        raise AudioError(f"{path}: holds no samples; remove its line from the manifest")
    if not numpy.isfinite(mono).all():
        raise AudioError(f"{path}: holds NaN or infinite samples; convert the file again")
    if rate != SAMPLE_RATE:
        divisor = gcd(rate, SAMPLE_RATE)
        mono = resample_poly(mono, SAMPLE_RATE // divisor, rate // divisor)
    return numpy.clip(numpy.rint(mono * 32767.0), -32768, 32767).astype(numpy.int16)
