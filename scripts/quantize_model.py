"""Quantise a trained network's ONNX file to int8, and score it."""

import argparse
import sys
from pathlib import Path

import edgeprune.entrypoint
from edgeprune import files


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="ONNX file in fp32")
    parser.add_argument("--metrics", required=True, help="metrics.json of the run")
    parser.add_argument("--data", required=True, help="folder of the fetched dataset")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--out", required=True, help="folder for model.onnx and quantized.json")
    args = parser.parse_args(argv)

    from edgeprune.export.int8 import quantise  # onnx and the quantiser take a second

    content, value = quantise(args.model, args.data, args.metrics, args.threads)
    folder = Path(args.out)
    with files.replacing(folder / "model.onnx") as temporary:
        temporary.write_bytes(content)
    files.write_json(folder / "quantized.json", value)
    scores = ", ".join(
        f"{split} {name} {score:.4f} (fp32 {value['fp32'][split][name]:.4f})"
        for split in ("val", "test")
        for name, score in value[split].items()
        if name != "loss" and isinstance(score, float)  # the IoU of each class is a dict
    )
    size = value["model_bytes"]
    print(f"{args.model} in int8: {scores}; {size['int8']} bytes (fp32 {size['fp32']})", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
