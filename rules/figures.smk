rule draw_layer_complexity:
    input:
        profile="<results>/profile_network/{network}/{dataset}/profile.json",
    output:
        svg=report(
            "<results>/draw_figures/{network}/{dataset}/layer_complexity.svg",
            caption="../report/caption.rst",
            category="{network} on {dataset}",
            labels={"figure": "what each layer costs"},
        ),
        png="<results>/draw_figures/{network}/{dataset}/layer_complexity.png",
        table="<results>/draw_figures/{network}/{dataset}/layer_complexity.csv",
        caption="<results>/draw_figures/{network}/{dataset}/layer_complexity.rst",
    log:
        "<logs>/draw_layer_complexity/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/draw_layer_complexity/{network}/{dataset}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        code=sources("scripts/draw_layer_complexity.py"),
    shell:
        "python scripts/draw_layer_complexity.py --profile {input.profile} --out-svg {output.svg}"
        " --out-png {output.png} --out-csv {output.table} --out-caption {output.caption} 2> {log}"


rule draw_tradeoff:
    input:
        metrics=get_metrics_of_pair,
        timings=get_timings_of_pair,
        measurements=get_measurements_of_pair,
    output:
        svg=report(
            "<results>/draw_figures/{network}/{dataset}/tradeoff.svg",
            caption="../report/caption.rst",
            category="{network} on {dataset}",
            labels={"figure": "accuracy against each resource"},
        ),
        png="<results>/draw_figures/{network}/{dataset}/tradeoff.png",
        table="<results>/draw_figures/{network}/{dataset}/tradeoff.csv",
        caption="<results>/draw_figures/{network}/{dataset}/tradeoff.rst",
    log:
        "<logs>/draw_tradeoff/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/draw_tradeoff/{network}/{dataset}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        files=get_result_arguments,
        code=sources("scripts/draw_tradeoff.py"),
    shell:
        "python scripts/draw_tradeoff.py {params.files} --out-svg {output.svg} --out-png {output.png}"
        " --out-csv {output.table} --out-caption {output.caption} 2> {log}"


rule draw_speed:
    input:
        metrics=get_metrics_of_pair,
        timings=get_timings_of_pair,
        measurements=get_measurements_of_pair,
    output:
        svg=report(
            "<results>/draw_figures/{network}/{dataset}/speed.svg",
            caption="../report/caption.rst",
            category="{network} on {dataset}",
            labels={"figure": "MACs against measured time"},
        ),
        png="<results>/draw_figures/{network}/{dataset}/speed.png",
        table="<results>/draw_figures/{network}/{dataset}/speed.csv",
        caption="<results>/draw_figures/{network}/{dataset}/speed.rst",
    log:
        "<logs>/draw_speed/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/draw_speed/{network}/{dataset}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        files=get_result_arguments,
        code=sources("scripts/draw_speed.py"),
    shell:
        "python scripts/draw_speed.py {params.files} --out-svg {output.svg} --out-png {output.png}"
        " --out-csv {output.table} --out-caption {output.caption} 2> {log}"


rule draw_cost:
    input:
        metrics=get_metrics_of_pair,
        timings=get_timings_of_pair,
    output:
        svg=report(
            "<results>/draw_figures/{network}/{dataset}/cost.svg",
            caption="../report/caption.rst",
            category="{network} on {dataset}",
            labels={"figure": "what training costs, stage by stage"},
        ),
        png="<results>/draw_figures/{network}/{dataset}/cost.png",
        table="<results>/draw_figures/{network}/{dataset}/cost.csv",
        caption="<results>/draw_figures/{network}/{dataset}/cost.rst",
    log:
        "<logs>/draw_cost/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/draw_cost/{network}/{dataset}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        files=get_training_arguments,
        code=sources("scripts/draw_cost.py"),
    shell:
        "python scripts/draw_cost.py {params.files} --out-svg {output.svg} --out-png {output.png}"
        " --out-csv {output.table} --out-caption {output.caption} 2> {log}"


rule draw_widths:
    input:
        plans=get_plans_of_pair,
    output:
        svg=report(
            "<results>/draw_figures/{network}/{dataset}/widths.svg",
            caption="../report/caption.rst",
            category="{network} on {dataset}",
            labels={"figure": "what each mode keeps"},
        ),
        png="<results>/draw_figures/{network}/{dataset}/widths.png",
        table="<results>/draw_figures/{network}/{dataset}/widths.csv",
        caption="<results>/draw_figures/{network}/{dataset}/widths.rst",
    log:
        "<logs>/draw_widths/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/draw_widths/{network}/{dataset}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        plans=get_plan_arguments,
        variants=json.dumps(
            {name: {"reference": v.reference, "budget": v.budget_name} for name, v in GRID.variants.items()}
        ),
        code=sources("scripts/draw_widths.py"),
    shell:
        "python scripts/draw_widths.py {params.plans} --variants {params.variants:q}"
        " --network {wildcards.network} --dataset {wildcards.dataset} --out-svg {output.svg} --out-png {output.png}"
        " --out-csv {output.table} --out-caption {output.caption} 2> {log}"


rule write_table:
    input:
        metrics=files_of(GRID.runs, "<results>/train_network/{path}/metrics.json"),
        measurements=rules.measure.input,
        timings=files_of(GRID.runs, "<results>/train_network/{path}/timing.json"),
    output:
        groups="<results>/draw_figures/results.csv",
        runs="<results>/draw_figures/runs.csv",
        markdown="<results>/draw_figures/results.md",
        latex="<results>/draw_figures/results.tex",
        page=report(
            "<results>/draw_figures/results.html",
            caption="../report/caption.rst",
            category="All results",
            labels={"figure": "table"},
        ),
        caption="<results>/draw_figures/results.rst",
        metrics=[
            f"<results>/draw_figures/metrics/{network}/{dataset}/{variant}.json"
            for network, dataset in GRID.pairs
            for variant in GRID.variants
        ],
    log:
        "<logs>/write_table.log",
    benchmark:
        "<benchmarks>/write_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        files=get_result_arguments,
        folder=subpath(output.groups, parent=True),
        code=sources("scripts/write_table.py"),
    shell:
        "python scripts/write_table.py {params.files} --out-csv {output.groups} --out-runs {output.runs}"
        " --out-md {output.markdown} --out-tex {output.latex} --out-html {output.page}"
        " --out-caption {output.caption} --out-summary {params.folder}/metrics 2> {log}"


rule write_environment:
    input:
        config="<results>/config.yaml",
        metrics=files_of(GRID.runs, "<results>/train_network/{path}/metrics.json"),
        measurements=rules.measure.input,
        timings=files_of(GRID.runs, "<results>/train_network/{path}/timing.json"),
    output:
        page=report(
            "<results>/draw_figures/environment.html",
            caption="../report/caption.rst",
            category="All results",
            labels={"figure": "environment"},
        ),
        caption="<results>/draw_figures/environment.rst",
    log:
        "<logs>/write_environment.log",
    benchmark:
        "<benchmarks>/write_environment.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        files=get_result_arguments,
        code=sources("scripts/write_environment.py"),
    shell:
        "python scripts/write_environment.py {params.files} --config {input.config}"
        " --out-html {output.page} --out-caption {output.caption} 2> {log}"


rule figures:
    input:
        [f"<results>/draw_figures/{network}/{dataset}/{figure}.svg" for network, dataset, figure in get_pictures()],
        "<results>/draw_figures/results.csv",
        "<results>/draw_figures/environment.html",
