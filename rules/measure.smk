rule measure_model:
    input:
        model="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/model.onnx",
        metrics="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/metrics.json",
        reference=get_reference,
    output:
        measurement="<results>/measure_model/{device}/{network}/{dataset}/{variant}/seed-{seed}.json",
    log:
        "<logs>/measure_model/{device}/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/measure_model/{device}/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    conda:
        "../envs/measure.yaml"
    # The whole machine, so that no training runs beside the stopwatch.
    threads: workflow.cores or 1
    params:
        device=as_json("devices", "{device}"),
        reference=lambda wildcards, input: f"--reference {input.reference}" if input.get("reference") else "",
        code=sources("scripts/measure_model.py"),
    shell:
        "python scripts/measure_model.py --model {input.model} --metrics {input.metrics} {params.reference}"
        " --device-name {wildcards.device} --device {params.device:q} --out {output.measurement} 2> {log}"


rule measure:
    input:
        measurements_of(GRID.runs),
