rule profile_network:
    input:
        manifest="<results>/fetch_dataset/{dataset}/manifest.json",
    output:
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
        table="<results>/profile_network/{network}/{dataset}/layers.csv",
    log:
        "<logs>/profile_network/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/profile_network/{network}/{dataset}.tsv"
    conda:
        "../envs/torch.yaml"
    params:
        data=subpath(input.manifest, parent=True),
        spec=as_json(JOBS.network),
        code=sources("scripts/profile_network.py", "{factory}", "{task}"),
    shell:
        "python scripts/profile_network.py --network {wildcards.network} --spec {params.spec:q}"
        " --data {params.data} --out-profile {output.profile} --out-table {output.table} 2> {log}"


rule profile:
    input:
        [f"<results>/profile_network/{network}/{dataset}/profile.json" for network, dataset in GRID.pairs],
