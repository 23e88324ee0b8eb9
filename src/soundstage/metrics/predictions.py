"""A model's probabilities beside the truth, and the two ways from segments to clips."""

from dataclasses import dataclass, replace

import numpy as np

THRESHOLD = 0.5  # of a tag's probability
ROWS = ("track", "segment", "group", "y_true", "probability")  # the fields with an entry a row


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's probabilities beside the truth, one row a segment.

    Rows are those of one part. Where segments of a clip were dealt to several parts, a clip has
    here no more than the part's own.

    Raises ValueError where what the comments say does not hold.
    """

    track: np.ndarray  # (n,) str
    segment: np.ndarray  # (n,) int: position within the track; (track, segment) is unique
    group: np.ndarray  # (n,) str: what is resampled as a whole; one for all segments of a track
    y_true: np.ndarray  # (n,) int class index, or (n, C) bool tags; one for a track's segments
    probability: np.ndarray  # (n, C) float in [0, 1]; single-label rows sum to 1
    classes: tuple[str, ...]  # C >= 2 distinct names
    train_shares: np.ndarray  # (C,) float: share of training clips that carry each class or tag
    thresholds: np.ndarray | None = None  # (C,) float in [0, 1], of tags; None: 0.5 for each

    def __post_init__(self) -> None:
        """Check shapes, ranges and that a track's segments agree."""
        n, C = len(self.track), len(self.classes)
        if n == 0:
            raise ValueError("no predictions: zero rows")
        shapes = {"track": (n,), "segment": (n,), "group": (n,), "probability": (n, C)}
        shapes |= {"y_true": (n, C)[: 1 + self.multi_label], "train_shares": (C,)}
        if self.thresholds is not None:
            if not self.multi_label:
                raise ValueError("thresholds are of tags: y_true is one class a row")
            shapes["thresholds"] = (C,)
        for name, shape in shapes.items():
            if (found := np.shape(getattr(self, name))) != shape:
                raise ValueError(f"{name} has shape {found}, expected {shape}")
        if len(set(self.classes)) < max(2, C):
            raise ValueError(f"two or more distinct classes expected, got {self.classes}")
        if self.y_true.dtype.kind not in ("b" if self.multi_label else "iu"):
            raise ValueError(f"y_true is {self.y_true.dtype}: class indices or bool tags expected")
        if not self.multi_label and not ((self.y_true >= 0) & (self.y_true < C)).all():
            raise ValueError(f"y_true has classes outside 0..{C - 1}")
        for name in shapes.keys() & {"probability", "train_shares", "thresholds"}:
            values = getattr(self, name)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} is not finite")
            if values.min() < 0 or values.max() > 1:
                raise ValueError(f"{name} is outside [0, 1] (were logits passed?)")
            if not self.multi_label and not np.allclose(values.sum(axis=-1), 1, atol=1e-3):
                raise ValueError(f"{name} does not sum to 1 over the classes")
        if len(set(zip(self.track.tolist(), self.segment.tolist(), strict=True))) < n:
            raise ValueError("a (track, segment) occurs twice")
        order, start = self._tracks()
        first = np.repeat(order[start], np.diff(start, append=n))
        for name in ("group", "y_true"):
            values = getattr(self, name)
            if (values[order] != values[first]).any():
                raise ValueError(f"segments of one track differ in {name}")

    @property
    def multi_label(self) -> bool:
        """Whether a row may carry several of the classes (tags)."""
        return self.y_true.ndim == 2

    @property
    def truth(self) -> np.ndarray:
        """(n, C) bool: which classes each row carries."""
        return self.y_true if self.multi_label else _one_hot(self.y_true, len(self.classes))

    @property
    def chosen(self) -> np.ndarray:
        """(n, C) bool: which classes the model says each row carries."""
        if self.multi_label:
            return self.probability >= (THRESHOLD if self.thresholds is None else self.thresholds)
        return _one_hot(self.probability.argmax(axis=1), len(self.classes))

    def rows(self, kept: np.ndarray) -> "Predictions":
        """Only some rows: `kept` is (n,) bool, or indices in the order wanted."""
        return replace(self, **{name: getattr(self, name)[kept] for name in ROWS})

    def clips(self) -> "Predictions":
        """One row a clip, sorted by track: the mean probability over its segments."""
        order, start = self._tracks()
        first = self.rows(order[start])
        total = np.add.reduceat(self.probability[order], start, axis=0)
        return replace(
            first,
            segment=np.zeros(len(start), np.int64),
            probability=total / np.diff(start, append=len(order))[:, None],
        )

    def votes(self, *, over: float = 0.0) -> "Predictions":
        """One row a clip, sorted by track: the majority vote of its segments (paper 002, III-D).

        A segment has one vote for each class it chooses. A clip's probability is (votes + mean
        probability of the voters) / (voters + 1): the mean is one more vote, divided, which
        decides where votes are equal and nowhere else. A tag is chosen by more than half of the
        segments, or by half with a mean probability of at least 0.5.

        Parameters
        ----------
        over: single-label segments vote only where their highest probability is above it, but all
        segments of a clip without such a one vote. 0: all vote.
        """
        voters = self
        if over and not self.multi_label:
            sure = self.probability.max(axis=1) > over
            voters = self.rows(sure | ~np.isin(self.track, self.track[sure]))
        order, start = voters._tracks()
        clips = voters.clips()
        votes = np.add.reduceat(voters.chosen[order].astype(np.float64), start, axis=0)
        n = np.diff(start, append=len(order))[:, None]
        return replace(clips, probability=(votes + clips.probability) / (n + 1), thresholds=None)

    def _tracks(self) -> tuple[np.ndarray, np.ndarray]:
        """Row order by (track, segment), and where in it each track starts."""
        order = np.lexsort((self.segment, self.track))
        track = self.track[order]
        return order, np.flatnonzero(np.r_[True, track[1:] != track[:-1]])


def _one_hot(index: np.ndarray, n_classes: int) -> np.ndarray:
    return index[:, None] == np.arange(n_classes)
