rule train_network:
    input:
        manifest="<results>/fetch_dataset/{dataset}/manifest.json",
        splits=multiext("<results>/fetch_dataset/{dataset}/", "train.npy", "val.npy", "test.npy"),
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
        plan=JOBS.plan,
        initial=JOBS.pruned_weights,
        earlier=JOBS.earlier,
        times=JOBS.earlier_times,
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
    resources:
        gpu=get_gpus,
        slots_per_gpu=SLOTS_PER_GPU,
    params:
        data=subpath(input.manifest, parent=True),
        folder=subpath(output.metrics, parent=True),
        spec=as_json(JOBS.network),
        recipe=as_json(JOBS.recipe),
        seed=JOBS.training_seed,
        names=JOBS.names,
        start=given("initial", "earlier"),
        # outside results: Snakemake deletes the outputs of a job that was killed, and this is what it goes on from
        state=f"state/{config['preset']}/train_network/{{network}}/{{dataset}}/{{variant}}/seed-{{seed}}",
        code=sources("scripts/train_network.py", "{factory}", "{task}"),
    shell:
        # exec: no shell in between that SIGTERM would end, and the job with it, while the training keeps its state
        "exec python scripts/train_network.py --network {wildcards.network} --spec {params.spec:q} --data {params.data}"
        " --profile {input.profile} --plan {input.plan} --recipe {params.recipe:q} --seed {params.seed}"
        " --variant {wildcards.variant} {params.names} {params.start}"
        " --slots-per-gpu {resources.slots_per_gpu} --out {params.folder} --state {params.state} 2> {log}"


rule train:
    input:
        JOBS.trained(GRID.runs),
