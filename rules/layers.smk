rule measure_layers:
    input:
        manifest="<results>/fetch_dataset/{dataset}/manifest.json",
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
    output:
        table="<results>/measure_layers/{device}/{network}/{dataset}/table.json",
    log:
        "<logs>/measure_layers/{device}/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/measure_layers/{device}/{network}/{dataset}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: get_measuring_threads
    resources:
        **DEVICE_SLOTS,
    params:
        data=subpath(input.manifest, parent=True),
        spec=as_json("networks", "{network}"),
        settings=get_widths_settings,
        device=get_device,
        energy="--energy" if any(variant.mode == "EA" for variant in GRID.variants.values()) else "",
        code=sources("scripts/measure_layers.py", "{factory}"),
    shell:
        "python scripts/measure_layers.py --network {wildcards.network} --spec {params.spec:q} --data {params.data}"
        " --profile {input.profile} --settings {params.settings:q} --device-name {wildcards.device}"
        " --device {params.device:q} {params.energy} --out {output.table} 2> {log}"


rule draw_prediction:
    input:
        table="<results>/measure_layers/{device}/{network}/{dataset}/table.json",
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
        plans=get_plans_of_pair,
        measurements=get_measurements_of_tables_device,
    output:
        svg=report(
            "<results>/draw_figures/{network}/{dataset}/prediction-{device}.svg",
            caption="../report/caption.rst",
            category="{network} on {dataset}",
            labels={"figure": "predicted against measured latency"},
        ),
        png="<results>/draw_figures/{network}/{dataset}/prediction-{device}.png",
        table="<results>/draw_figures/{network}/{dataset}/prediction-{device}.csv",
        caption="<results>/draw_figures/{network}/{dataset}/prediction-{device}.rst",
    log:
        "<logs>/draw_prediction/{device}/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/draw_prediction/{device}/{network}/{dataset}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        files=get_prediction_arguments,
        code=sources("scripts/draw_prediction.py"),
    shell:
        "python scripts/draw_prediction.py --table {input.table} --profile {input.profile} {params.files}"
        " --network {wildcards.network} --dataset {wildcards.dataset} --device {wildcards.device}"
        " --out-svg {output.svg} --out-png {output.png} --out-csv {output.table} --out-caption {output.caption} 2> {log}"
