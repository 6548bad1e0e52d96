rule measure_model:
    input:
        model=JOBS.model,
        metrics="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/metrics.json",
        reference=JOBS.reference,
        quantized=JOBS.quantized,
    output:
        measurement="<results>/measure_model/{device}/{runtime}/{network}/{dataset}/{variant}/seed-{seed}.json",
    log:
        "<logs>/measure_model/{device}/{runtime}/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/measure_model/{device}/{runtime}/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    wildcard_constraints:
        runtime=one_of(RUNTIMES),
    conda:
        "../envs/measure.yaml"
    threads: get_measuring_threads
    resources:
        **DEVICE_SLOTS,
    params:
        device=as_json(JOBS.device),
        options=given("reference", "quantized"),
        calibration=f"{FOLDERS[0]}/calibrate_device/{{device}}.json",
        code=sources("scripts/measure_model.py", "{task}"),
    shell:
        "python scripts/measure_model.py --model {input.model} --metrics {input.metrics} {params.options}"
        " --runtime {wildcards.runtime} --device-name {wildcards.device} --device {params.device:q}"
        " --calibration {params.calibration} --out {output.measurement} 2> {log}"


rule measure:
    input:
        JOBS.measurements(GRID.runs),
        JOBS.baselines(GRID.datasets),
