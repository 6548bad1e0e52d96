# A part of the phase `measure`, for the tasks that have something to beat that learnt nothing.
rule score_baseline:
    input:
        manifest="<results>/fetch_dataset/{dataset}/manifest.json",
        splits=multiext("<results>/fetch_dataset/{dataset}/", "train.npy", "val.npy", "test.npy"),
    output:
        scores="<results>/score_baseline/{dataset}/baseline.json",
    log:
        "<logs>/score_baseline/{dataset}.log",
    benchmark:
        "<benchmarks>/score_baseline/{dataset}.tsv"
    conda:
        "../envs/fetch.yaml"
    params:
        data=subpath(input.manifest, parent=True),
        code=sources("scripts/score_baseline.py", "{task}"),
    shell:
        "python scripts/score_baseline.py --data {params.data} --out {output.scores} 2> {log}"
