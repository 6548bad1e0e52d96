rule sample_plan:
    input:
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
        table=JOBS.table,
    output:
        plan="<results>/sample_plan/{network}/{dataset}/{variant}/seed-{seed}.json",
    log:
        "<logs>/sample_plan/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/sample_plan/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    wildcard_constraints:
        variant=one_of(GRID.sampled),
    conda:
        "../envs/plan.yaml"
    params:
        variant=JOBS.plan_options,
        seed=JOBS.plan_seed,
        settings=as_json(JOBS.sampling),
        table=given("table"),
        code=sources("scripts/sample_plan.py"),
    shell:
        "python scripts/sample_plan.py --profile {input.profile} {params.variant} --seed {params.seed}"
        " --settings {params.settings:q} {params.table} --out {output.plan} 2> {log}"


rule sample:
    input:
        JOBS.plans([run for run in GRID.runs if run.variant in GRID.sampled]),
