rule fetch_dataset:
    input:
        get_local_images,
    output:
        manifest="<results>/fetch_dataset/{dataset}/manifest.json",
        splits=multiext("<results>/fetch_dataset/{dataset}/", "train.npy", "val.npy", "test.npy"),
    log:
        "<logs>/fetch_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/fetch_dataset/{dataset}.tsv"
    conda:
        "../envs/fetch.yaml"
    params:
        settings=as_json(lambda wildcards: config["datasets"][wildcards.dataset]),
        folder=subpath(output.manifest, parent=True),
        code=with_listing(sources("scripts/fetch_dataset.py", "{task}", "{source}")),
    shell:
        "python scripts/fetch_dataset.py --name {wildcards.dataset} --settings {params.settings:q}"
        " --downloads downloads --out {params.folder} 2> {log}"


rule fetch:
    input:
        collect("<results>/fetch_dataset/{dataset}/manifest.json", dataset=GRID.datasets),
