"""How good outputs are, in numpy alone: networks in torch, in ONNX Runtime and in int8 are scored by the same code."""
