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
    max_peak: PositiveFloat = 100.0
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


class Labels(Section):
    """How labels and names are understood, see `soundstage.tracks.settle`.

    `placeholders`: what stands for no artist, album or song, in any case. `one_case`: whether
    labels that differ in case only are one.
    """

    placeholders: list[str] = [
        "unknown", "unknown artist", "unknown album", "unknown title", "unknown song", "unbekannt",
        "[unknown]", "<unknown>", "(unknown)", "no artist", "no album", "no title", "[no artist]",
        "various artists", "various artist", "various", "v.a.", "v. a.", "v.a", "v/a", "va",
        "verschiedene interpreten", "artistes divers", "varios artistas", "artisti vari",
        "untitled", "[untitled]", "anonymous", "n/a", "n.a.", "na", "nan", "none", "null",
        "not available", "tba", "tbd", "-", "--", "?",
    ]  # fmt: skip
    one_case: bool = False


class Split(Section):
    """Which clips train, validate and test.

    `clips`: whether a split that the data set does not bring with it deals clips without any label.
    `missing_class`: what becomes of a split of which a part lacks a class.
    """

    name: str
    seed: NonNegativeInt
    valid: Share
    test: Share
    folds: Annotated[int, Field(ge=3)] | None
    fold: NonNegativeInt
    clips: Literal["labelled", "all"] = "labelled"
    missing_class: Literal["refuse", "warn"] = "warn"


class Segment(Section):
    """How a model cuts clips along time, or which slices it takes, see `soundstage.cuts`.

    A piece has `length` steps of the last axis, samples or frames, or lasts `seconds`. Pieces begin
    `hop` apart, in the same unit (None: one behind the other). `at`: the first pieces, those around
    the middle, or all; there are at most `count` (None: all that fit), of `all` spread evenly.
    Slices have their length already: only `at` and `count` choose among them.
    """

    length: PositiveInt | None = None
    seconds: PositiveFloat | None = None
    hop: PositiveFloat | None = None
    at: Literal["start", "middle", "all"] = "start"
    count: PositiveInt | None = None


class Cut(Section):
    """How long or uneven clips are cut for a model without a `segment`, see `cuts.by_default`.

    Clips are long where the usual one has more than `longest` seconds, and uneven where the longest
    has more than `uneven` times the usual one's. Then pieces last as long as the usual clip, but at
    most `seconds`, and `count` of them, spread over the clip, are the most.
    """

    longest: PositiveFloat
    uneven: Annotated[float, Field(ge=1)]
    seconds: PositiveFloat
    count: PositiveInt


class Shared(Section):
    """How all networks are trained; a network's own `training` entry may say otherwise.

    `keep`: the epoch of the lowest validation loss, or the last, as several papers do. `patience`:
    so many epochs after the best one training ends; 0: never early. `weight_decay`: Adam's L2.
    `eps`: Adam's, 1e-7 in Keras and 1e-8 in torch. `clip_norm`: what longer gradients are
    shortened to; 0: nothing. `precision` and `compile` act on a GPU only. `data`: where a part of a
    view is held while training, see `batches.Batches`.
    """

    keep: Literal["best", "last"] = "best"
    patience: NonNegativeInt = 0
    weight_decay: NonNegativeFloat = 0.0
    eps: PositiveFloat = 1e-7
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

    Clips are near-duplicates where the share `near_share` of their landmarks agrees, or at least
    `near_many` do and a share of `near_share_of_many`.
    """

    waveform: str
    landmarks: str
    near_share: Share
    near_many: PositiveInt = 40
    near_share_of_many: Share = 0.04


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
    cut: Cut
    split: Split
    labels: Labels = Labels()
    audit: Audit
    evaluation: Evaluation
    training: Shared
    datasets: dict[str, dict[str, Any]]
    waveforms: dict[str, Waveform]
    features: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]
    gate: dict[str, dict[str, Rule]]
