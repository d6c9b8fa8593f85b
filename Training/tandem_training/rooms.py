"""Simulated rooms: impulse responses of shoe boxes by the image method (Allen and Berkley, J. Acoust. Soc. Am. 65, 1979)."""

from __future__ import annotations

import random

import numpy

from .audio import SAMPLE_RATE

SPEED_OF_SOUND = 343.0  # metres a second
LONGEST = 0.5           # seconds of a response that are kept


def room_response(generator: random.Random) -> numpy.ndarray:
    """One response, float32, shape [taps] at 16 kHz: the direct sound stands first and has the height 1.

    Rooms of 2.5 x 2.5 x 2.3 m to 9 x 7 x 4 m whose walls reflect 30 to 88 % of the pressure; speaker and microphone 0.3 to 4 m apart.
    """
    size = numpy.array([generator.uniform(2.5, 9.0), generator.uniform(2.5, 7.0), generator.uniform(2.3, 4.0)])
    reflection = generator.uniform(0.3, 0.88)
    margin = 0.3
    while True:
        source = numpy.array([generator.uniform(margin, side - margin) for side in size])
        microphone = numpy.array([generator.uniform(margin, side - margin) for side in size])
        direct = float(numpy.linalg.norm(source - microphone))
        if 0.3 <= direct <= 4.0:
            break
    # Images as far as the response reaches, or until their walls have swallowed them.
    order = [min(12, int(LONGEST * SPEED_OF_SOUND / (2 * side)) + 1) for side in size]
    places, walls = [], []
    for axis in range(3):
        numbers = numpy.arange(-order[axis], order[axis] + 1)
        mirrored = numpy.concatenate([2 * numbers * size[axis] + source[axis], 2 * numbers * size[axis] - source[axis]])
        places.append(mirrored - microphone[axis])
        walls.append(numpy.concatenate([numpy.abs(2 * numbers), numpy.abs(2 * numbers - 1)]))
    distance = numpy.sqrt(
        places[0][:, None, None] ** 2 + places[1][None, :, None] ** 2 + places[2][None, None, :] ** 2
    ).ravel()
    hits = (walls[0][:, None, None] + walls[1][None, :, None] + walls[2][None, None, :]).ravel()
    delay = (distance - direct) / SPEED_OF_SOUND * SAMPLE_RATE
    height = reflection**hits * direct / numpy.maximum(distance, 0.05)
    heard = (delay > -0.5) & (delay < LONGEST * SAMPLE_RATE - 1) & (height > 1e-4)
    response = numpy.zeros(int(LONGEST * SAMPLE_RATE), dtype=numpy.float64)
    # Half of the images change sign at random: equal signs in an empty box ring like a comb.
    signs = numpy.random.default_rng(generator.getrandbits(32)).choice([-1.0, 1.0], delay.size)
    signs[hits == 0] = 1.0
    numpy.add.at(response, numpy.rint(delay[heard]).astype(int).clip(0), height[heard] * signs[heard])
    return response.astype(numpy.float32)


def room_responses(count: int, seed: int) -> numpy.ndarray:
    """`count` responses, float32 [count, taps]."""
    generator = random.Random(f"{seed}/rooms")
    return numpy.stack([room_response(generator) for _ in range(count)])
