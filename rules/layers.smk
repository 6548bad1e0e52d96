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
        spec=as_json(JOBS.network),
        settings=as_json(JOBS.widths),
        device=as_json(JOBS.device),
        energy="--energy" if any(variant.mode == "EA" for variant in GRID.variants.values()) else "",
        code=sources("scripts/measure_layers.py", "{factory}", "{task}"),
    shell:
        "python scripts/measure_layers.py --network {wildcards.network} --spec {params.spec:q} --data {params.data}"
        " --profile {input.profile} --settings {params.settings:q} --device-name {wildcards.device}"
        " --device {params.device:q} {params.energy} --out {output.table} 2> {log}"
