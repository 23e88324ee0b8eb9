"""What the papers print of each network, and the input lengths that its tests use."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch


@dataclass(frozen=True)
class Printed:
    """Counts and shapes for `n_outputs` classes and the arguments that have no default."""

    input_shape: tuple[int, ...]
    parameters: int  # with the second bias vectors of torch's RNN and LSTM, which stay zero
    outputs: dict[str, tuple[int, ...]]  # submodule -> its output's shape, without the batch
    dropouts: list[float]
    demo_shape: tuple[int, ...]  # 10 s, or a slice of it
    least_shape: tuple[int, ...]  # one less along any axis must be refused
    overfit_shape: tuple[int, ...]
    signal: Literal["wave", "bins", "columns"]  # along what the classes of the tests differ
    dtype: torch.dtype = torch.float32
    keras_parameters: int | None = None  # those that are trained, where there are fewer
    keras: bool = True  # published in Keras; else in torch
    learning_rate: float = 1e-3
    n_outputs: int = 10
    arguments: dict[str, Any] = field(default_factory=dict)
    overfit_arguments: dict[str, Any] = field(default_factory=dict)  # make it quick


CNN1D = Printed(
    input_shape=(465_984,),
    parameters=8_638_486,
    outputs={  # table 3.2.2
        "1": (32, 155_328),
        "2": (64, 51_776),
        "3": (128, 17_258),
        "4": (128, 5_752),
        "5": (256, 1_917),
        "6": (256, 639),
        "7": (512, 213),
        "8": (512, 71),
        "9": (1024, 23),
        "10": (1024, 23),
        "11": (23_552,),
        "12": (100,),
    },
    dropouts=[0.2] * 9 + [0.1],
    demo_shape=(160_000,),
    least_shape=(3**9,),
    overfit_shape=(3**9,),
    signal="wave",
    dtype=torch.int8,
)

CNN1D_CHUNK = replace(
    CNN1D,
    parameters=133_690,
    outputs={  # table 3.2.4
        "1": (16, 155_328),
        "2": (16, 51_776),
        "3": (32, 17_258),
        "4": (64, 5_752),
        "5": (128, 1_917),
        "6": (128, 639),
        "7": (128, 639),
        "9": (128,),
    },
    dropouts=[0.2] * 6 + [0.1],
    least_shape=(3**6,),
    overfit_shape=(3**7,),
    learning_rate=3e-3,
)

CRNN1D_RNN = replace(
    CNN1D,
    parameters=993_302,
    keras_parameters=993_046,
    outputs={str(i): CNN1D.outputs[str(i)] for i in range(1, 8)}  # table 3.2.3
    | {"8": (213, 512), "9": (256,), "10": (100,)},
    dropouts=[0.2] * 6 + [0.1],
    least_shape=(3**7,),
    overfit_shape=(2 * 3**7,),  # two steps: with one, nothing would recur
)

CRNN2D_RNN = Printed(
    input_shape=(129, 2080),
    parameters=496_538,
    keras_parameters=496_282,
    outputs={  # table 3.2.5
        "1": (16, 64, 1040),
        "2": (16, 32, 520),
        "3": (32, 16, 260),
        "4": (64, 8, 130),
        "5": (128, 4, 130),
        "6": (128, 2, 130),
        "7": (128, 1, 130),
        "8": (130, 128),
        "9": (256,),
    },
    dropouts=[0.2] * 7,
    demo_shape=(129, 714),
    least_shape=(128, 16),
    overfit_shape=(129, 32),
    signal="bins",
)

CRNN = Printed(
    input_shape=(128, 156),
    parameters=540_874,
    outputs={  # figure 2
        "2": (64, 64, 78),
        "3": (128, 16, 39),
        "4": (128, 4, 19),
        "5": (128, 1, 9),
        "6": (128, 1, 4),
        "7": (4, 128),
        "8": (32,),
    },
    dropouts=[0.1] * 5 + [0.3],
    demo_shape=(128, 313),
    least_shape=(128, 32),
    overfit_shape=(128, 64),
    signal="bins",
    learning_rate=3e-3,
)

MFCC_LSTM = Printed(
    input_shape=(130, 13),
    parameters=58_314,
    keras_parameters=57_802,
    outputs={"0": (64,), "1": (64,)},
    dropouts=[0.3],
    demo_shape=(130, 13),
    least_shape=(1, 1),
    overfit_shape=(40, 13),
    signal="columns",
    learning_rate=3e-3,
)

MFCC_MLP = replace(
    MFCC_LSTM,
    parameters=1_014_218,
    keras_parameters=None,
    outputs={"0": (1690,), "1.0": (512,), "1.2": (256,), "1.4": (64,)},
    dropouts=[],
    learning_rate=1e-3,
)

MFCC_CNN = replace(
    MFCC_LSTM,
    parameters=45_322,
    keras_parameters=None,
    outputs={
        "1": (32, 128, 11),
        "3": (32, 64, 6),
        "5": (32, 62, 4),
        "7": (32, 31, 2),
        "9": (32, 30, 1),
        "11": (32, 15, 1),
        "13": (480,),
        "14": (64,),
    },
    least_shape=(11, 11),
)

WAVE_CNN = Printed(
    input_shape=(661_500,),
    parameters=159_576,
    n_outputs=8,
    outputs={
        "1.2": (16, 41_343),
        "1.3": (32, 2_583),
        "1.4": (64, 322),
        "1.5": (128, 40),
        "1": (5120,),
    },
    dropouts=[0.5],
    demo_shape=(441_000,),
    least_shape=(16_384,),
    overfit_shape=(4_096,),
    overfit_arguments={"pools": (8, 8, 8, 8)},
    signal="wave",
    dtype=torch.float16,
    keras=False,
)

MEL_RESCNN = replace(
    WAVE_CNN,
    parameters=857_922,
    arguments={"sr": 44_100},
    outputs={
        "1.0": (128, 1_253),
        "1.2": (256, 1_250),
        "1.5.0": (256, 1_251),
        "1.5": (256, 1_250),
        "1": (512,),
        "2.0": (300,),
        "2.3": (150,),
    },
    dropouts=[0.2] * 2,
    least_shape=(1_584,),
    overfit_shape=(8_192,),
    overfit_arguments={},
)

PRINTED = {
    "cnn1d": CNN1D,
    "cnn1d_chunk": CNN1D_CHUNK,
    "crnn": CRNN,
    "crnn1d_gru": replace(CRNN1D_RNN, parameters=1_387_542, keras_parameters=None),
    "crnn1d_lstm": replace(
        CRNN1D_RNN, parameters=1_584_662, keras_parameters=1_583_638, learning_rate=3e-3
    ),
    "crnn1d_rnn": CRNN1D_RNN,
    "crnn2d_gru": replace(CRNN2D_RNN, parameters=694_170, keras_parameters=None),
    "crnn2d_lstm": replace(CRNN2D_RNN, parameters=792_986, keras_parameters=791_962),
    "crnn2d_rnn": CRNN2D_RNN,
    "mel_rescnn": MEL_RESCNN,
    "mfcc_cnn": MFCC_CNN,
    "mfcc_lstm": MFCC_LSTM,
    "mfcc_mlp": MFCC_MLP,
    "mfcc_mlp_reg": replace(
        MFCC_MLP,
        outputs={"0": (1690,), "1.0": (512,), "1.3": (256,), "1.6": (64,)},
        dropouts=[0.3] * 3,
    ),
    "stats_cnn": Printed(
        input_shape=(58,),
        parameters=114_250,
        outputs={"2": (32, 56), "4": (32, 28), "5": (64, 26), "7": (64, 13), "8": (832,)},
        dropouts=[0.5],
        demo_shape=(58,),
        least_shape=(10,),
        overfit_shape=(58,),
        signal="columns",
        learning_rate=3e-3,
    ),
    "wave_cnn": WAVE_CNN,
    "wave_mel_cnn": replace(
        MEL_RESCNN,
        parameters=3_833_368,
        outputs={
            "1.wave": (5120,),
            "1.mel": (512,),
            "1": (5632,),
            "2.0": (512,),
            "2.3": (256,),
            "2.6": (128,),
            "2.9": (64,),
        },
        dropouts=[0.2] * 4,
        least_shape=(16_384,),
        overfit_shape=(4_096,),
        overfit_arguments=WAVE_CNN.overfit_arguments,
    ),
}
