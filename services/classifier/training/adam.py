"""Adam (Kingma and Ba, 2015) with a rate that rises for a hundred steps and then falls to nearly nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coranto_classifier.entities.multilingual.pieces import Matrix

_RISING = 100
_LEAST = 0.03


class Adam:
    """Changes parameters in place by their gradients."""

    def __init__(self, parameters: Sequence[Matrix], *, rate: float, steps: int) -> None:
        self._parameters, self._rate, self._steps, self._step = parameters, rate, max(1, steps), 0
        self._means = [np.zeros_like(parameter) for parameter in parameters]
        self._squares = [np.zeros_like(parameter) for parameter in parameters]

    def step(self, gradients: Sequence[Matrix]) -> None:
        """One step against the gradients."""
        self._step += 1
        rate = self._rate * min(1.0, self._step / _RISING) * max(_LEAST, 1 - self._step / self._steps)
        mean_part, square_part = 1 - 0.9**self._step, 1 - 0.999**self._step
        for index, gradient in enumerate(gradients):
            self._means[index] += 0.1 * (gradient - self._means[index])
            self._squares[index] += 0.001 * (gradient * gradient - self._squares[index])
            scale = np.sqrt(self._squares[index] / square_part) + 1e-8
            self._parameters[index][...] -= rate * (self._means[index] / mean_part) / scale
