"""Log-mel features and their running normalisation, as docs/model-format.md ("Features") has them."""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FeatureSettings:
    """The `features` object of model.json, key by key."""

    sampleRate: int = 16000
    windowSamples: int = 400
    hopSamples: int = 160
    fftSize: int = 512
    melBins: int = 80
    lowestHertz: float = 20
    highestHertz: float = 7600
    floor: float = 1e-6
    priorFrames: int = 100
    maximumFrames: int = 3000
    tailSamples: int = 3200

    def as_dict(self) -> dict:
        return asdict(self)


def frame_count(samples: int | Tensor, settings: FeatureSettings) -> int | Tensor:
    """Log-mel frames of an utterance whose samples (tail included) are given; 0 below one window."""
    if isinstance(samples, Tensor):
        count = 1 + torch.div(samples - settings.windowSamples, settings.hopSamples, rounding_mode="floor")
        return torch.where(samples >= settings.windowSamples, count, torch.zeros_like(count))
    return 1 + (samples - settings.windowSamples) // settings.hopSamples if samples >= settings.windowSamples else 0


@functools.lru_cache(maxsize=4)
def mel_filters(settings: FeatureSettings) -> Tensor:
    """Triangular filters, equally spaced on the HTK mel scale, no area normalisation; [fftSize/2 + 1, melBins], float64."""
    def mel(hertz: float) -> float:
        return 2595.0 * math.log10(1.0 + hertz / 700.0)

    lowest, highest = mel(settings.lowestHertz), mel(settings.highestHertz)
    mels = torch.linspace(lowest, highest, settings.melBins + 2, dtype=torch.float64)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bins = torch.arange(settings.fftSize // 2 + 1, dtype=torch.float64) * settings.sampleRate / settings.fftSize
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0)


@functools.lru_cache(maxsize=4)
def window(settings: FeatureSettings) -> Tensor:
    """Periodic Hann window, [windowSamples], float64."""
    place = torch.arange(settings.windowSamples, dtype=torch.float64)
    return 0.5 - 0.5 * torch.cos(2.0 * math.pi * place / settings.windowSamples)


def log_mel(samples: Tensor, settings: FeatureSettings) -> Tensor:
    """Log-mel energies of samples in [-1, 1], tail included: [..., samples] → [..., T, melBins], natural logarithm."""
    frames = samples.unfold(-1, settings.windowSamples, settings.hopSamples)
    spectrum = torch.fft.rfft(frames * window(settings).to(samples), n=settings.fftSize)
    power = spectrum.real.square() + spectrum.imag.square()
    energy = power @ mel_filters(settings).to(samples)
    return energy.clamp(min=settings.floor).log()


def running_mean(features: Tensor, prior: Tensor, settings: FeatureSettings) -> Tensor:
    """mean_t = mean_{t-1} + (x_t - mean_{t-1}) / n_t with n_t = min(priorFrames + t + 1, maximumFrames).

    features: [..., T, melBins]; prior: [melBins], the mean before the first frame. While n_t still grows this is a
    cumulative average, so it needs no loop; only frames beyond maximumFrames - priorFrames do.
    Sums run in float64: in float32 a cumulative sum over half a minute loses the last digits.
    """
    values = features.double()
    growing = min(values.shape[-2], max(0, settings.maximumFrames - settings.priorFrames))
    counts = settings.priorFrames + 1 + torch.arange(growing, dtype=torch.float64, device=values.device)
    mean = (settings.priorFrames * prior.double() + values[..., :growing, :].cumsum(-2)) / counts[:, None]
    if growing < values.shape[-2]:
        last = mean[..., -1, :] if growing else prior.double().expand(values[..., 0, :].shape)
        rest = []
        for frame in range(growing, values.shape[-2]):
            last = last + (values[..., frame, :] - last) / min(settings.priorFrames + frame + 1, settings.maximumFrames)
            rest.append(last)
        mean = torch.cat([mean, torch.stack(rest, dim=-2)], dim=-2)
    return mean.to(features.dtype)


def normalise(features: Tensor, mean: Tensor, standard_deviation: Tensor, settings: FeatureSettings) -> Tensor:
    """(x_t - running mean_t) / standard deviation; [..., T, melBins], depends on the past only."""
    return (features - running_mean(features, mean, settings)) / standard_deviation
