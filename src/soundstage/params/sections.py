"""What each section of `params.yaml` may hold."""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from soundstage.formats import Format

Share = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A part of `params.yaml`: frozen, strict, nothing unknown allowed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Decode(Section):
    """Limits under which untrusted audio is decoded, see `soundstage.audio.Limits`."""

    ffmpeg: Literal["bundled", "system"]
    timeout_seconds: PositiveFloat
    min_seconds: NonNegativeFloat = 0.1
    max_seconds: PositiveFloat
    max_bytes: PositiveInt = 2_000_000_000
    min_rate: PositiveInt = 4000
    max_rate: PositiveInt = 384_000
    max_channels: PositiveInt = 64
    formats: Annotated[list[Format], Field(min_length=1)] = list(get_args(Format))
    silence: Literal["accept", "quarantine"] = "accept"
    max_rejected_share: Share

    @property
    def shaping(self) -> dict[str, Any]:
        """Those that shape what the store holds."""
        return self.model_dump(exclude={"ffmpeg", "timeout_seconds", "max_rejected_share"})


class Store(Section):
    """The size of a shard."""

    clips_per_shard: PositiveInt


class Waveform(Section):
    """One decoding of every file: mono, at `sr` Hz, stored in `dtype` (int8 is PCM-8)."""

    sr: PositiveInt
    dtype: Literal["int8", "int16", "float16", "float32"]


class Split(Section):
    """Which clips train, validate and test.

    `clips`: whether a split that the data set does not bring with it deals clips without any label.
    """

    name: str
    seed: NonNegativeInt
    valid: Share
    test: Share
    folds: Annotated[int, Field(ge=3)] | None
    fold: NonNegativeInt
    clips: Literal["labelled", "all"] = "labelled"


class Segment(Section):
    """How a model cuts clips: the first `count` pieces (or all) of `length` along the last axis."""

    length: PositiveInt
    count: PositiveInt | None = None


class Shared(Section):
    """How all networks are trained; a network's own `training` entry may say otherwise.

    `keep`: the epoch of the lowest validation loss, or the last, as several papers do. `patience`:
    so many epochs after the best one training ends; 0: never early. `weight_decay`: Adam's L2.
    `clip_norm`: what longer gradients are shortened to; 0: nothing. `precision` and `compile` act
    on a GPU only. `data`: where a part of a view is held while training, see `batches.Batches`.
    """

    keep: Literal["best", "last"] = "best"
    patience: NonNegativeInt = 0
    weight_decay: NonNegativeFloat = 0.0
    clip_norm: NonNegativeFloat = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    data: Literal["auto", "device", "host"] = "auto"


class Training(Shared):
    """What the training loop of a network needs."""

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat

    def over(self, shared: Shared) -> "Training":
        """Return this entry, with `shared` for what it leaves unsaid."""
        return Training(**shared.model_dump() | self.model_dump(exclude_unset=True))


class Evaluation(Section):
    """The bootstrap behind every interval; what counts as right among the first k; who votes.

    A segment votes if its highest probability is above `vote_over`; 0.0: all do.
    """

    n_bootstrap: PositiveInt
    seed: NonNegativeInt
    top_k: list[PositiveInt] = [2, 3]
    vote_over: Share = 0.0


class Audit(Section):
    """Where the audit reads decoded audio and landmarks from.

    Clips are near-duplicates where the share `near_share` of their landmarks agrees.
    """

    waveform: str
    landmarks: str
    near_share: Share


class Rule(Section):
    """How far one metric may move before the gate closes."""

    better: Literal["higher", "lower", "equal"]
    tolerance: NonNegativeFloat


class Top(Section):
    """The whole file; components are checked against their own signatures afterwards."""

    dataset: str
    target: Literal["auto", "genre", "tags"]
    model: str
    seed: NonNegativeInt
    decode: Decode
    store: Store
    split: Split
    audit: Audit
    evaluation: Evaluation
    training: Shared
    datasets: dict[str, dict[str, Any]]
    waveforms: dict[str, Waveform]
    features: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]
    gate: dict[str, dict[str, Rule]]
