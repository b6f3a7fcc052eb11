"""Piper's graph with its noise and its speed as inputs and the phonemes' durations as an output.

An exported voice draws its noise inside the graph, so that no seed can repeat it, and keeps the durations to itself.
Its own length scale is applied before durations are rounded up to whole frames: twice as fast is a third too long.
The model is VITS (Kim et al., 2021): noise enters the duration predictor and the prior, and the durations are the
ceiling of the predictor's output, in frames.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from voicebox_kit.errors import StartError

NOISE, SPEED, DURATIONS = "noise", "speed", "durations"
"""The names of the new inputs, float32 of shape (samples,) and (1,), and of the new output, float32 of shape
(1, 1, phonemes).
"""

DRAW, CEILING = "RandomNormalLike", "Ceil"
DRAWS = 2
"""Noise enters at so many places, from the same input."""


def with_noise_and_durations(path: Path) -> bytes:
    """The serialised graph; StartError when it is not built as Piper's are."""
    try:
        model = onnx.load(str(path))
    except Exception as error:  # the parser raises whatever protobuf does
        raise StartError(f"{path.name} is no ONNX model: {error}.") from error
    graph = model.graph
    nodes = list(graph.node)
    kinds = [node.op_type for node in nodes]
    if kinds.count(DRAW) != DRAWS or kinds.count(CEILING) != 1:
        raise StartError(f"{path.name} is not built as a Piper voice: it draws noise at {kinds.count(DRAW)} places.")
    del graph.node[:]
    for node in nodes:
        if node.op_type == DRAW:
            graph.node.extend(_from_input(f"noise_{node.output[0]}", node.input[0], node.output[0]))
        elif node.op_type == CEILING:
            graph.node.extend(_at_speed(node))
        else:
            graph.node.append(node)
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), "voicebox_zero"))
    graph.initializer.append(numpy_helper.from_array(np.array(1, np.int64), "voicebox_one"))
    graph.initializer.append(numpy_helper.from_array(np.array(-1, np.int64), "voicebox_last_axis"))
    graph.input.append(helper.make_tensor_value_info(NOISE, TensorProto.FLOAT, ["noise_samples"]))
    graph.input.append(helper.make_tensor_value_info(SPEED, TensorProto.FLOAT, [1]))
    graph.output.append(helper.make_tensor_value_info(DURATIONS, TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


def _at_speed(ceiling: NodeProto) -> list[NodeProto]:
    """Nodes after which each duration ends where it would at speed 1, divided by the speed, to the nearest frame."""
    ending, beginning = "voicebox_ending", "voicebox_beginning"
    return [
        helper.make_node("Ceil", list(ceiling.input), ["voicebox_frames"]),
        helper.make_node("CumSum", ["voicebox_frames", "voicebox_last_axis"], [ending]),
        helper.make_node("Sub", [ending, "voicebox_frames"], [beginning]),
        *(
            node
            for each in (ending, beginning)
            for node in (
                helper.make_node("Div", [each, SPEED], [f"{each}_exact"]),
                helper.make_node("Round", [f"{each}_exact"], [f"{each}_frame"]),
            )
        ),
        helper.make_node("Sub", [f"{ending}_frame", f"{beginning}_frame"], [ceiling.output[0]]),
        helper.make_node("Identity", [ceiling.output[0]], [DURATIONS]),
    ]


def _from_input(prefix: str, like: str, output: str) -> list[NodeProto]:
    """Nodes that fill the shape of `like` from the input, which is repeated where it is too short."""

    def name(of: str) -> str:
        return f"{prefix}_{of}"

    return [
        helper.make_node("Shape", [like], [name("shape")]),
        helper.make_node("ReduceProd", [name("shape")], [name("count")], keepdims=0),
        helper.make_node("Range", ["voicebox_zero", name("count"), "voicebox_one"], [name("range")]),
        helper.make_node("Size", [NOISE], [name("size")]),
        helper.make_node("Mod", [name("range"), name("size")], [name("indices")]),
        helper.make_node("Gather", [NOISE, name("indices")], [name("flat")]),
        helper.make_node("Reshape", [name("flat"), name("shape")], [output]),
    ]
