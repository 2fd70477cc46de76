"""Topic models in ONNX form, which users have trained elsewhere.

Contract: one input, a tensor of strings of shape [1, 1] that holds title, newline and text (as skl2onnx makes it from a
pipeline that begins with a vectoriser); exactly one output of floats, of shape [1, number of codes]. The file's metadata
has `codes`, the codes in the order of the columns separated by spaces, and may have `threshold`, the probability below
which the model abstains. With skl2onnx, convert with `options={"zipmap": False}`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.topics.media_topics import TOP_CODES, media_topics
from coranto_classifier.topics.vectors import TextVectors

_THRESHOLD = 0.3


class OnnxModel:
    """A topic model in an ONNX file. Raises RuntimeError without onnxruntime, ValueError for a file that breaks the contract."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime  # type: ignore[import-not-found, unused-ignore]  # an extra, absent by default
        except ImportError as error:
            raise RuntimeError(
                f"{path.name} is an ONNX model and onnxruntime is not installed: pip install 'onnxruntime>=1.20'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the worker processes share the cores
        self._session: Any = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.codes = tuple(metadata.get("codes", "").split())
        if not self.codes or any(code not in TOP_CODES for code in self.codes):
            unknown = [code for code in self.codes if code not in media_topics()] or list(self.codes)
            raise ValueError(
                f"{path}: metadata 'codes' must list top-level Media Topics codes such as '04000000 11000000', got {unknown}"
            )
        self.threshold = float(metadata.get("threshold", _THRESHOLD))
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(string)":
            raise ValueError(
                f"{path}: expected one input of strings, got {[f'{each.name}: {each.type}' for each in inputs]}"
            )
        self._input = str(inputs[0].name)
        self._outputs = [each.name for each in self._session.get_outputs() if each.type == "tensor(float)"]
        if len(self._outputs) != 1:
            raise ValueError(f"{path}: expected one output of floats, got {self._outputs}; export with zipmap off")

    def probabilities(self, text: str, _vectors: TextVectors | None = None) -> NDArray[np.float64]:
        """Probability of each code, in the order of `codes`. Raises ValueError when the model gives a different number of them."""
        (found,) = self._session.run(self._outputs, {self._input: np.array([[text]], dtype=object)})
        chances = np.asarray(found, dtype=np.float64).ravel()
        if chances.size != len(self.codes):
            raise ValueError(f"the ONNX model gave {chances.size} probabilities for {len(self.codes)} codes")
        return chances
