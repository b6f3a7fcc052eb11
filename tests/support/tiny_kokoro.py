"""Writes a Kokoro of random weights: the inputs, outputs and durations of the real one, and a hum for each phoneme.

    python tests/support/tiny_kokoro.py FOLDER

makes a models folder with `kokoro/82m`, whose voices are af_heart, af_bella, bf_emma, ff_siwis and jf_alpha.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOICES = ("af_heart", "af_bella", "bf_emma", "ff_siwis", "jf_alpha")
VOCABULARY, STEP_SAMPLES = 178, 600
MOST_STEPS = 5
SILENT = (0, 1, 2, 3, 4, 5, 6, 9, 10, 16)
"""The pad, signs and the space."""


def main(folder: Path) -> None:
    """Make the model and its voices."""
    home = folder / "kokoro" / "82m"
    (home / "voices").mkdir(parents=True)
    draw = np.random.default_rng(1)
    for name in VOICES:
        draw.uniform(0.3, 1.0, (510, 256)).astype("<f4").tofile(home / "voices" / f"{name}.bin")
    onnx.save(_model(draw), str(home / "model.onnx"))


def _model(draw: np.random.Generator) -> onnx.ModelProto:
    lengths = draw.uniform(3, MOST_STEPS, VOCABULARY).astype(np.float32)
    loudness = draw.uniform(0.3, 0.6, VOCABULARY).astype(np.float32)
    loudness[list(SILENT)] = 0
    hum = np.sin(2 * np.pi * 200 * np.arange(STEP_SAMPLES) / 24_000).astype(np.float32)
    constants = {
        "lengths": lengths,
        "loudness": loudness,
        "hum": hum[None],
        "least": np.float32(1),
        "first_axis": np.array([0], np.int64),
        "last_axis": np.array([1], np.int64),
        "zero": np.float32(0),
        "one": np.float32(1),
        "whole": np.array([-1], np.int64),
    }
    nodes = [
        ("Gather", ("lengths", "tokens"), "length"),
        ("Div", ("length", "speed"), "exact"),
        ("Round", ("exact",), "rounded"),
        ("Clip", ("rounded", "least"), "steps"),
        ("CumSum", ("steps", "axis"), "ends"),
        ("ReduceSum", ("steps",), "total"),
        ("Squeeze", ("total",), "count"),
        ("Range", ("zero", "count", "one"), "time"),
        ("Unsqueeze", ("time", "last_axis"), "time_column"),
        ("GreaterOrEqual", ("time_column", "ends"), "is_over"),
        ("Cast", ("is_over",), "over"),
        ("ReduceSum", ("over", "last_axis"), "index"),
        ("Cast", ("index",), "index_whole"),
        ("Reshape", ("tokens", "whole"), "flat_tokens"),
        ("Gather", ("flat_tokens", "index_whole"), "sounding"),
        ("Gather", ("loudness", "sounding"), "level"),
        ("ReduceMean", ("style", "last_axis"), "mean"),
        ("Mul", ("level", "mean"), "styled"),
        ("Mul", ("styled", "hum"), "sound"),
        ("Reshape", ("sound", "whole"), "audio"),
    ]
    attributes = {
        "total": {"keepdims": 1},
        "over": {"to": TensorProto.INT64},
        "index": {"keepdims": 1},
        "index_whole": {"to": TensorProto.INT64},
        "mean": {"keepdims": 1},
    }
    constants["axis"] = np.array(1, np.int64)
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **attributes.get(output, {})) for kind, inputs, output in nodes],
        "tiny",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "length"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["samples"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
