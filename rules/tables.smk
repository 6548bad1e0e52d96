# The modes that go by what a device was measured to pay for each layer: LA (latency), EA (energy).
TABLE = f"<results>/measure_layers/{config.get('sample_on')}/{{network}}/{{dataset}}/table.json"
TABLED = tuple(name for name, variant in GRID.variants.items() if variant.mode in MEASURED)


def get_table(wildcards):
    """The table that a plan is drawn by, where its mode goes by one."""
    return [TABLE.format(**wildcards)] if wildcards.variant in TABLED else []


def get_table_option(wildcards, input):
    return f"--table {input.table}" if input.get("table") else ""


def get_measurements_of_tables_device(wildcards):
    runs = GRID.of_pair(wildcards.network, wildcards.dataset)
    return files_of(runs, f"<results>/measure_model/{wildcards.device}/fp32/{{path}}.json")


def get_prediction_arguments(wildcards):
    measured = f"results/{config['preset']}/measure_model/{wildcards.device}/fp32/{_runs_of(wildcards)}.json"
    return f"{get_plan_arguments(wildcards)} --measurements {measured}"


def get_pictures():
    """(network, dataset, figure) of every figure that the grid gives."""
    names = ["layer_complexity", "tradeoff", "cost", "widths"]
    if config["measure_on"]:
        names.append("speed")
    device = config.get("sample_on")
    if TABLED and (device, "fp32") in measured():
        names.append(f"prediction-{device}")
    return [(network, dataset, name) for network, dataset in GRID.pairs for name in names]
