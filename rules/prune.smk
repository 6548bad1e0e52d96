# The second stage of the baselines that prune a trained network. What it makes lies beside the run that fine-tunes it, and
# belongs to the phase `train`: these plans cannot be known before the dense network is trained.
rule prune_trained:
    input:
        dense="<results>/train_network/{network}/{dataset}/dense/seed-{seed}/model.pt",
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
    output:
        plan="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/pruned/plan.json",
        weights="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/pruned/model.pt",
        cost="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/pruned/cost.json",
        timing="<results>/train_network/{network}/{dataset}/{variant}/seed-{seed}/pruned/timing.json",
    log:
        "<logs>/prune_trained/{network}/{dataset}/{variant}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/prune_trained/{network}/{dataset}/{variant}/seed-{seed}.tsv"
    wildcard_constraints:
        variant=one_of(GRID.baselines),
    conda:
        "../envs/baselines.yaml"
    params:
        folder=subpath(output.plan, parent=True),
        variant=JOBS.plan_options,
        seed=JOBS.training_seed,
        plan_seed=JOBS.plan_seed,
        settings=as_json(JOBS.sampling),
        code=sources("scripts/prune_trained.py", "{factory}"),
    shell:
        "python scripts/prune_trained.py --dense {input.dense} --profile {input.profile} {params.variant}"
        " --seed {params.seed} --plan-seed {params.plan_seed} --settings {params.settings:q}"
        " --variant {wildcards.variant} --out {params.folder} 2> {log}"
