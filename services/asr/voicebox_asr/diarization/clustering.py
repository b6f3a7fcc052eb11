"""Groups embeddings by the voice in them."""

import numpy as np
from numpy.typing import NDArray

from .speaker_encoder import Embeddings

MAX_CLUSTERED = 2_000
"""The most embeddings that are compared with each other, 16 MB and 1 s; further ones join the nearest group."""

MIN_SHARE = 0.02
MIN_EMBEDDINGS = 3
"""A smaller group is no speaker but a laugh, a cough, or a change of speakers: it joins the nearest group."""

REFINEMENTS = 3

Labels = NDArray[np.intp]
Merge = tuple[float, int, int]
"""How similar two groups are that become one, and one embedding of each."""


def cluster(embeddings: Embeddings, similarity: float, minimum: int, maximum: int) -> Embeddings:
    """The voices among some embeddings, shape (k, dimensions), k in `minimum` to `maximum`: the mean of each, of length
    1.

    Groups whose mean cosine is above `similarity` are one voice. There are fewer than `minimum` where no more can be
    distinguished.
    """
    sample = embeddings[np.linspace(0, len(embeddings) - 1, min(len(embeddings), MAX_CLUSTERED)).astype(int)]
    merges = average_linkage(sample)
    size = max(min(MIN_EMBEDDINGS, len(sample) // 4), round(MIN_SHARE * len(sample)), 1)
    count = len(sample) - sum(1 for merge in merges if merge[0] > similarity)
    while count > 1 and len(_large(_cut(merges, len(sample), count), size)) > maximum:
        count -= 1
    while count < len(sample) and len(_large(_cut(merges, len(sample), count), size)) < minimum:
        count += 1
    labels = _cut(merges, len(sample), count)
    large = _large(labels, size)
    if not large.size or large.size > maximum:  # nothing but small groups, or more of them appeared at once
        large = np.argsort(-np.bincount(labels), kind="stable")[:maximum]
    voices = _means(sample, labels, large)
    for _ in range(REFINEMENTS):
        nearest = np.asarray(np.argmax(sample @ voices.T, axis=1))
        voices = _means(sample, nearest, np.unique(nearest))
    return voices


def average_linkage(embeddings: Embeddings) -> list[Merge]:
    """How n embeddings become one group, most similar groups first: n - 1 merges.

    The similarity of two groups is the mean over all pairs. By chains of nearest neighbours (Murtagh 1983), in n
    squared steps.
    """
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -np.inf)
    sizes = np.ones(len(embeddings), np.float32)
    merges: list[Merge] = []
    chain: list[int] = []
    alive = np.ones(len(embeddings), bool)
    while len(merges) < len(embeddings) - 1:
        if not chain:
            chain.append(int(np.argmax(alive)))
        last = chain[-1]
        nearest = int(np.argmax(similarity[last]))
        if len(chain) > 1 and similarity[last, chain[-2]] >= similarity[last, nearest]:
            other = chain[-2]
            del chain[-2:]
            merges.append((float(similarity[last, other]), last, other))
            _join(similarity, sizes, last, other)
            alive[last] = False
        else:
            chain.append(nearest)
    return sorted(merges, key=lambda merge: -merge[0])


def _join(similarity: NDArray[np.float32], sizes: NDArray[np.float32], gone: int, merged: int) -> None:
    joined = (sizes[gone] * similarity[gone] + sizes[merged] * similarity[merged]) / (sizes[gone] + sizes[merged])
    sizes[merged] += sizes[gone]
    similarity[merged] = similarity[:, merged] = joined
    similarity[gone] = similarity[:, gone] = -np.inf
    similarity[merged, merged] = -np.inf


def _cut(merges: list[Merge], size: int, count: int) -> Labels:
    """The groups when there are `count` of them, numbered from 0."""
    parents = list(range(size))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = index = parents[parents[index]]
        return index

    for _, one, other in merges[: size - count]:
        parents[root(one)] = root(other)
    return np.unique([root(index) for index in range(size)], return_inverse=True)[1]


def _large(labels: Labels, size: int) -> Labels:
    return np.flatnonzero(np.bincount(labels) >= size)


def _means(embeddings: Embeddings, labels: Labels, groups: Labels) -> Embeddings:
    means = np.stack([embeddings[labels == group].mean(axis=0) for group in groups])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), np.float32)
