rule measure_model:
    input:
        model=get_model,
        metrics="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/metrics.json",
        reference=get_reference,
        quantized=get_quantized,
    output:
        measurement="<results>/measure_model/{device}/{runtime}/{network}/{dataset}/{variant}/seed-{seed}.json",
    log:
        "<logs>/measure_model/{device}/{runtime}/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/measure_model/{device}/{runtime}/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    wildcard_constraints:
        runtime=one_of(MODELS),
    conda:
        "../envs/measure.yaml"
    threads: get_measuring_threads
    resources:
        **DEVICE_SLOTS,
    params:
        device=get_device,
        options=get_measuring_options,
        code=sources("scripts/measure_model.py"),
    shell:
        "python scripts/measure_model.py --model {input.model} --metrics {input.metrics} {params.options}"
        " --runtime {wildcards.runtime} --device-name {wildcards.device} --device {params.device:q}"
        " --out {output.measurement} 2> {log}"


rule measure:
    input:
        measurements_of(GRID.runs),
