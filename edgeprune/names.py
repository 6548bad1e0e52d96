"""The words that all of the program shares: resources, modes, methods, and what tells the runs of a grid apart."""

RESOURCES = ("params", "macs", "flops", "memory", "peak_memory")
#: The resource whose shares weigh the draw in each mode of the paper.
COUNTED = {"PA": "params", "FA": "flops", "MA": "memory"}
#: The measured resource of each mode that goes by a table. These modes are this project's own, not the paper's.
MEASURED = {"LA": "latency", "EA": "energy"}
MODES = COUNTED | MEASURED

MAIN = "complexity"
#: The baselines that prune a *trained* network, and what figures and tables call them.
BASELINES = {"l1": "L1", "fpgm": "FPGM", "lamp": "LAMP"}
METHODS = (MAIN, "uniform", "random", "dense", *BASELINES)
#: Methods that `draw` under `sampling` means something to.
DRAWN = (MAIN, "random")

#: What a network is measured in: a name under ``runtimes`` of a device, its engine and its precision.
RUNTIMES = {
    "fp32": ("onnxruntime", "fp32"),
    "int8": ("onnxruntime", "int8"),
    "openvino-fp32": ("openvino", "fp32"),
    "openvino-int8": ("openvino", "int8"),
    "ncnn-fp32": ("ncnn", "fp32"),
}
#: Those that run the quantised file.
INT8 = frozenset(name for name, (_, precision) in RUNTIMES.items() if precision == "int8")

#: What :mod:`edgeprune.identity` knows a run by.
IDENTITY = ("network", "dataset", "task", "variant", "method", "mode", "target", "seed")
#: The part of it that files of earlier versions lack.
LATER = ("reference", "budget", "plan_seed")
