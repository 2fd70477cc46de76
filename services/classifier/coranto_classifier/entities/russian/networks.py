"""The networks that judge Russian words: slovnet's, and its later layers trained further on texts tagged by hand.

Both read the same first layer, so that it is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.topics.vectors import RussianVectors

Matrix = NDArray[np.float32]
LABELS = ("O", "B-person", "I-person", "B-organisation", "I-organisation", "B-place", "I-place")
SLOVNET_FILE = "slovnet_ner_news_v1.tar"
SLOVNET_LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
"""slovnet's names of the labels, in the order of `LABELS`."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution over a word and its two neighbours, with what follows it: rectifier, scale and shift."""

    kernel: Matrix
    """Weights: the word before, the word itself and the word after; inputs; units."""
    bias: Matrix
    scale: Matrix
    shift: Matrix

    def __call__(self, rows: Matrix) -> Matrix:
        """The units of each word of a text."""
        return self.rectified(rows) * self.scale + self.shift

    def rectified(self, rows: Matrix) -> Matrix:
        """The units before they are scaled and shifted: nought where one is silent."""
        return np.asarray(np.maximum(convolved(rows, self.kernel) + self.bias, 0), dtype=np.float32)


def convolved(rows: Matrix, kernel: Matrix) -> Matrix:
    """The sums over each row and its neighbours; beyond the ends there is nothing."""
    found: Matrix = rows @ kernel[1]
    found[1:] += rows[:-1] @ kernel[0]
    found[:-1] += rows[1:] @ kernel[2]
    return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """What slovnet says of the words of a text."""

    tags: list[str]
    """The best tag of each word."""
    scores: NDArray[np.float32]
    """The scores of all tags (words × tags)."""
    units: NDArray[np.float32]
    """The last layer of its network, which sees seven words (words × 64). Zero or more, about one where a unit speaks."""
    first: Matrix
    """The first layer, which sees three words (words × 256)."""


class Slovnet:
    """slovnet's tagger, with what it bases its tags on."""

    def __init__(self, models: Path, vectors: RussianVectors) -> None:
        self._infer: Any = _load_tagger(models / SLOVNET_FILE, vectors.navec)
        self.layers = [_layer(each) for each in self._infer.model.encoder.layers]
        self._deviations = self._infer.model.encoder.layers[-1].norm.std.array

    def tokens(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token."""
        from slovnet.token import tokenize  # type: ignore[import-untyped]  # ships no types

        return [(token.start, token.stop) for token in tokenize(text)]

    def predict(self, words: list[str]) -> Judgement:
        """What slovnet says of each word."""
        infer = self._infer
        model = infer.model
        (batch,) = infer.encoder([words])
        first, second, last = self.layers
        seen = first(model.emb(batch.word_id, batch.shape_id)[0])
        active = last.rectified(second(seen))
        scores = model.head((active * last.scale + last.shift)[None])[0]
        best = best_path(scores, model.head.crf.transitions.array)
        tags = [infer.decoder.tags_vocab.decode(tag) for tag in best]
        # Units of what follows the rectifier, in deviations of slovnet's training: nought, and no feature, where one is silent.
        return Judgement(tags, scores, active / self._deviations, seen)

    def output_weights(self) -> tuple[Matrix, Matrix]:
        """Weights and bias from its last layer to the labels."""
        projection, known = self._infer.model.head.proj, self._infer.decoder.tags_vocab.items
        columns = [known.index(label) for label in SLOVNET_LABELS]
        return projection.weight.array[:, columns].copy(), projection.bias.array[columns].copy()


@dataclass(frozen=True, slots=True)
class RetrainedLayers:
    """The second and the third layer of slovnet's network, trained further on texts tagged by hand."""

    second: Layer
    """Reads the first layer and the facts of each word."""
    third: Layer
    output: Matrix
    output_bias: Matrix

    @classmethod
    def read(cls, models: Path, slovnet: Slovnet) -> RetrainedLayers:
        """The layers as stored; scales and shifts are slovnet's own."""
        with np.load(layers_path(models), allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(np.float32) for name in stored}
        second, third = (
            Layer(arrays[f"kernel{number}"], arrays[f"bias{number}"], layer.scale, layer.shift)
            for number, layer in enumerate(slovnet.layers[1:], 2)
        )
        return cls(second, third, arrays["output"], arrays["output_bias"])

    def log_probabilities(self, first: Matrix, facts: Matrix) -> Matrix:
        """Of the labels of each word, by the first layer and the facts: words × `LABELS`."""
        scores = self.third(self.second(np.concatenate([first, facts], axis=1))) @ self.output + self.output_bias
        scores -= scores.max(axis=1, keepdims=True)
        return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)), dtype=np.float32)


def layers_path(models: Path) -> Path:
    """The file of the retrained layers in the models' directory."""
    return models / "russian_layers.npz"


def _layer(layer: Any) -> Layer:
    """A layer of slovnet's with its batch normalisation as scale and shift."""
    norm = layer.norm
    scale = norm.weight.array / norm.std.array
    kernel = np.ascontiguousarray(layer.conv.weight.array.transpose(2, 1, 0))
    return Layer(kernel, layer.conv.bias.array, scale, norm.bias.array - norm.mean.array * scale)


def best_path(scores: NDArray[np.float32], transitions: NDArray[np.float32]) -> list[int]:
    """The most probable sequence of tags (Viterbi), as slovnet finds it; for one text, which is quicker."""
    score = scores[0]
    came_from: list[list[int]] = []
    for emission in scores[1:]:
        paths = score[:, None] + transitions + emission
        came_from.append(paths.argmax(0).tolist())
        score = paths.max(0)
    tags = [int(score.argmax())]
    for previous in reversed(came_from):
        tags.append(previous[tags[-1]])
    return tags[::-1]


def _load_tagger(file: Path, navec: Any) -> Any:
    """What infers tags. As `slovnet.NER.load`, which reads another copy of the vectors' 250,000 words.

    Sharing them saves 0.1 s and 45 MB in each process. A test holds that they are the same.
    """
    from slovnet.const import PAD, SHAPE, TAG, UNK  # type: ignore[import-untyped]  # ships no types
    from slovnet.exec.encoders import TagEncoder  # type: ignore[import-untyped]
    from slovnet.exec.infer import NERInfer, TagDecoder  # type: ignore[import-untyped]
    from slovnet.exec.model import NER  # type: ignore[import-untyped]
    from slovnet.exec.pack import Pack  # type: ignore[import-untyped]
    from slovnet.vocab import Vocab  # type: ignore[import-untyped]

    words = Vocab([])
    words.items, words.item_ids = navec.vocab.words, navec.vocab.word_ids
    words.unk_id, words.pad_id = words.item_ids[UNK], words.item_ids[PAD]
    with Pack(str(file)) as pack:
        pack.load_meta().check_protocol()
        model = pack.load_model(NER)
        arrays = dict(pack.load_arrays(model.weights))
        shapes, tags = pack.load_vocab(SHAPE), pack.load_vocab(TAG)
    return NERInfer(model.inject_arrays(arrays).inject_navec(navec), TagEncoder(words, shapes), TagDecoder(tags))
