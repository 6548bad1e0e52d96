# A part of the phase `measure`, for the devices that ask for int8.
rule quantize_model:
    input:
        model="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/model.onnx",
        metrics="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/metrics.json",
        manifest="<results>/fetch_dataset/{dataset}/manifest.json",
        splits=multiext("<results>/fetch_dataset/{dataset}/", "train.npy", "val.npy", "test.npy"),
    output:
        model="<results>/quantize_model/{network}/{dataset}/{variant}/seed-{seed}/model.onnx",
        scores="<results>/quantize_model/{network}/{dataset}/{variant}/seed-{seed}/quantized.json",
    log:
        "<logs>/quantize_model/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/quantize_model/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    conda:
        "../envs/quantize.yaml"
    threads: get_threads
    params:
        data=subpath(input.manifest, parent=True),
        folder=subpath(output.scores, parent=True),
        code=sources("scripts/quantize_model.py", "{task}"),
    shell:
        "python scripts/quantize_model.py --model {input.model} --metrics {input.metrics} --data {params.data}"
        " --threads {threads} --out {params.folder} 2> {log}"
