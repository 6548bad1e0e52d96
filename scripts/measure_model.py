"""Measure one model on one device, beside a reference model."""

import argparse
import json
import sys

import edgeprune.entrypoint
from edgeprune import files
from edgeprune.errors import EdgepruneError
from edgeprune.measuring.measure import measure
from edgeprune.names import RUNTIMES


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="ONNX file to measure")
    parser.add_argument("--runtime", default="fp32", choices=RUNTIMES, help="engine and precision (default fp32)")
    parser.add_argument("--quantized", help="quantized.json beside an int8 model, which says how well it does")
    parser.add_argument("--reference", help="ONNX file of the dense network, measured in turns with the model")
    parser.add_argument("--metrics", help="metrics.json of the run, which says what the model is")
    parser.add_argument("--calibration", help="the device's, from `edgeprune calibrate`; it need not be there")
    parser.add_argument("--device", required=True, help="the device's settings, as JSON")
    parser.add_argument("--device-name", required=True)
    parser.add_argument("--out", required=True, help="where the measurement is written, as JSON")
    args = parser.parse_args(argv)
    try:
        device = json.loads(args.device)
    except json.JSONDecodeError as error:
        raise EdgepruneError(
            f"is not JSON ({error})", key="--device", remedy='for example: {"kind": "local"}'
        ) from error
    if not isinstance(device, dict):
        raise EdgepruneError("is not a JSON object", key="--device", remedy='for example: {"kind": "local"}')
    result = measure(
        args.device_name, device, args.model, args.reference, args.metrics, args.runtime, args.quantized,
        args.calibration,
    )  # fmt: skip
    files.write_json(args.out, result)
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if result["latency_ms"] is None:
        print("not measured:", *result["reasons"].values(), file=sys.stderr)
        return
    latency, speedup = result["latency_ms"], result["speedup"]
    beside = f", {speedup:.2f} times as fast as the reference" if speedup else ""
    print(f"{args.model}: {latency['p50']:.3f} ms at the median on {args.device_name}{beside}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(edgeprune.entrypoint.run(main))
