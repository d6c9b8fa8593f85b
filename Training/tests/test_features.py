"""Features against the sentences of docs/model-format.md, written out as naive loops."""

import cmath
import math

import torch

from tandem_training.features import FeatureSettings, frame_count, log_mel, running_mean

SETTINGS = FeatureSettings()


def naive_log_mel(samples, frame):
    """One frame by the definition: window, discrete Fourier transform, triangles, logarithm."""
    part = samples[160 * frame : 160 * frame + 400]
    windowed = [value * (0.5 - 0.5 * math.cos(2 * math.pi * i / 400)) for i, value in enumerate(part)]
    power = [abs(sum(v * cmath.exp(-2j * math.pi * b * i / 512) for i, v in enumerate(windowed))) ** 2 for b in range(257)]

    def mel(hertz):
        return 2595 * math.log10(1 + hertz / 700)

    edges = [700 * (10 ** ((mel(20) + m * (mel(7600) - mel(20)) / 81) / 2595) - 1) for m in range(82)]
    row = []
    for m in range(1, 81):
        energy = 0.0
        for b in range(257):
            f = b * 16000 / 512
            weight = min((f - edges[m - 1]) / (edges[m] - edges[m - 1]), (edges[m + 1] - f) / (edges[m + 1] - edges[m]))
            energy += max(0.0, weight) * power[b]
        row.append(math.log(max(energy, 1e-6)))
    return row


def test_log_mel_matches_the_definition():
    generator = torch.Generator().manual_seed(5)
    samples = 0.1 * torch.randn(400 + 160 * 2 + 77, generator=generator, dtype=torch.float64)
    features = log_mel(samples, SETTINGS)
    assert features.shape == (3, 80)
    for frame in (0, 2):
        expected = torch.tensor(naive_log_mel(samples.tolist(), frame), dtype=torch.float64)
        torch.testing.assert_close(features[frame], expected, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(log_mel(samples.float(), SETTINGS)[frame].double(), expected, rtol=1e-3, atol=1e-3)


def test_silence_is_the_floor():
    assert torch.all(log_mel(torch.zeros(800), SETTINGS) == math.log(1e-6))


def test_frame_count():
    for samples in (0, 399, 400, 559, 560, 16000):
        expected = 0 if samples < 400 else 1 + (samples - 400) // 160
        assert frame_count(samples, SETTINGS) == expected
        assert int(frame_count(torch.tensor(samples), SETTINGS)) == expected


def test_running_mean_is_the_streaming_recursion():
    settings = FeatureSettings(priorFrames=7, maximumFrames=30)
    features = torch.randn(60, 3, generator=torch.Generator().manual_seed(6)) - 4
    prior = torch.tensor([-3.0, 0.0, 2.0])
    whole = running_mean(features, prior, settings)
    mean = prior.double()
    for t in range(60):
        mean = mean + (features[t].double() - mean) / min(7 + t + 1, 30)
        torch.testing.assert_close(whole[t].double(), mean, rtol=1e-6, atol=1e-6)


def test_running_mean_of_a_batch_ignores_what_follows():
    features = torch.randn(2, 40, 80)
    prior = torch.zeros(80)
    together = running_mean(features, prior, SETTINGS)
    torch.testing.assert_close(together[1, :25], running_mean(features[1, :25], prior, SETTINGS))
