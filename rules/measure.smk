rule measure_model:
    input:
        model="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/model.onnx",
        reference="<results>/train_network/{network}/{dataset}/dense/seed-{seed}/model.onnx",
    output:
        measurement="<results>/measure_model/{device}/{network}/{dataset}/{variant}/seed-{seed}.json",
    params:
        device=as_json("devices", "{device}"),
        code=sources("scripts/measure_model.py"),
    # The whole machine, so that no training runs beside the stopwatch.
    threads: workflow.cores or 1
    log:
        "<logs>/measure_model/{device}/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/measure_model/{device}/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    conda:
        "../envs/measure.yaml"
    shell:
        "python scripts/measure_model.py --model {input.model} --reference {input.reference}"
        " --device-name {wildcards.device} --device {params.device:q} --out {output.measurement} 2> {log}"


rule measure:
    input:
        [
            file
            for device in config["measure_on"]
            for file in files_of(GRID.runs, f"<results>/measure_model/{device}/{{path}}.json")
        ],
