"""Batch norm in an exported network, made part of what the quantiser takes in integers."""

import numpy
import onnx
from onnx import helper, numpy_helper


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network without batch norm of feature maps: folded into the convolution or Gemm before it where there is one,
    else a depthwise convolution of 1 x 1, whose weights have a scale for each channel."""
    if all(node.op_type != "BatchNormalization" for node in model.graph.node):
        return model
    from onnxscript.rewriter import rewrite  # slow to import
    from onnxscript.rewriter.rules import common

    rules = [common.fuse_batchnorm_into_conv_rule, common.fuse_batchnorm_into_gemm_rule]
    model = onnx.shape_inference.infer_shapes(rewrite(model, pattern_rewrite_rules=rules))
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    known = [*model.graph.input, *model.graph.value_info]
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in known}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization" and ranks.get(node.input[0]) == 4 and {*node.input[1:]} <= {*values}:
            _as_convolution(node, values, model.graph)
    used = {name for node in model.graph.node for name in node.input}
    for name in values.keys() - used:  # ONNX Runtime stumbles over what nothing reads
        model.graph.initializer.remove(values[name])
    return model


def _as_convolution(node: onnx.NodeProto, values: dict[str, onnx.TensorProto], graph: onnx.GraphProto) -> None:
    scale, shift, mean, variance = (numpy_helper.to_array(values[name]) for name in node.input[1:])
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
    factor = scale / numpy.sqrt(variance + epsilon)
    made = {f"{node.output[0]}.weight": factor[:, None, None, None], f"{node.output[0]}.bias": shift - mean * factor}
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in made.items())
    node.CopyFrom(helper.make_node("Conv", [node.input[0], *made], node.output, group=len(factor), kernel_shape=[1, 1]))
