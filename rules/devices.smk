# What the rules that measure have in common: each device works for one job at a time.


def slot_of(device):
    """The name of the Snakemake resource of which a device has one."""
    return f"device_{re.sub(r'[^A-Za-z0-9]', '_', device)}"


for device in config["devices"]:
    if slot_of(device) not in workflow.global_resources:
        workflow.register_resource(slot_of(device), 1)

DEVICE_SLOTS = {
    slot_of(device): lambda wildcards, device=device: int(slot_of(wildcards.device) == slot_of(device))
    for device in config["devices"]
}


def get_measuring_threads(wildcards):
    """The whole machine where it measures itself: no training runs beside the stopwatch. Another device leaves it free."""
    return (workflow.cores or 1) if config["devices"][wildcards.device]["kind"] == "local" else 1


def get_device(wildcards):
    """A params function: a device's settings, without the list of runtimes, which does not change a measurement."""
    settings = {key: value for key, value in config["devices"][wildcards.device].items() if key != "runtimes"}
    return json.dumps(settings, sort_keys=True)


def runtimes_of(device):
    return config["devices"][device].get("runtimes", ["fp32"])


def measured():
    """(device, runtime) of everything that the grid measures."""
    return [(device, runtime) for device in config["measure_on"] for runtime in runtimes_of(device)]


# What another runtime than fp32 measures is made from the trained network; the reference is always the dense one in fp32.
MODELS = {
    "fp32": "<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/model.onnx",
    "int8": "<results>/quantize_model/{network}/{dataset}/{variant}/seed-{seed}/model.onnx",
}


def get_model(wildcards):
    return MODELS[wildcards.runtime].format(**wildcards)


def get_quantized(wildcards):
    """The int8 model's own score."""
    folder = get_model(wildcards).rpartition("/")[0]
    return [f"{folder}/quantized.json"] if wildcards.runtime == "int8" else []


def get_measuring_options(wildcards, input):
    given = ((name, input.get(name)) for name in ("reference", "quantized"))
    return " ".join(f"--{name} {file}" for name, file in given if file)
