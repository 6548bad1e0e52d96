rule train_network:
    input:
        manifest="<results>/fetch_dataset/{dataset}/manifest.json",
        splits=multiext("<results>/fetch_dataset/{dataset}/", "train.npy", "val.npy", "test.npy"),
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
        plan="<results>/sample_plan/{network}/{dataset}/{variant}/seed-{seed}.json",
    output:
        checkpoint="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/model.pt",
        onnx="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/model.onnx",
        history="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/history.csv",
        metrics="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/metrics.json",
        timing="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/timing.json",
    log:
        "<logs>/train_network/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/train_network/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: get_threads
    params:
        data=subpath(input.manifest, parent=True),
        folder=subpath(output.metrics, parent=True),
        spec=as_json("networks", "{network}"),
        recipe=as_json("recipes", "{network}"),
        code=sources("scripts/train_network.py", "{factory}"),
    shell:
        "python scripts/train_network.py --network {wildcards.network} --spec {params.spec:q} --data {params.data}"
        " --profile {input.profile} --plan {input.plan} --recipe {params.recipe:q} --seed {wildcards.seed}"
        " --variant {wildcards.variant} --threads {threads} --out {params.folder} 2> {log}"


rule train:
    input:
        files_of(GRID.runs, "<results>/train_network/{path}/metrics.json"),
