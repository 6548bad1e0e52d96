rule store_config:
    output:
        config="<results>/config.yaml",
    log:
        "<logs>/store_config.log",
    conda:
        "../envs/plan.yaml"
    params:
        config=as_json(lambda wildcards: config),
        code=sources("scripts/store_config.py"),
    shell:
        "python scripts/store_config.py --config {params.config:q} --out {output.config} 2> {log}"
