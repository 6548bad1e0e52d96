# What `dvc plots` shows beside the tables: it takes folders that hold nothing but pictures, and one table of curves.
rule collect_plots:
    input:
        histories=JOBS.trained(GRID.runs, "history.csv"),
        figures=[f"<results>/draw_figures/{network}/{dataset}/{figure}.png" for network, dataset, figure in PICTURES],
    output:
        curves="<results>/draw_figures/plots/curves.csv",
        figures=[f"<results>/draw_figures/plots/figures/{'-'.join(picture)}.png" for picture in PICTURES],
    log:
        "<logs>/collect_plots.log",
    benchmark:
        "<benchmarks>/collect_plots.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        folder=subpath(output.curves, parent=True),
        code=sources("scripts/collect_plots.py", *tasks.TASKS.values()),
    shell:
        f"python scripts/collect_plots.py {lists('histories', 'figures')}"
        " --out-curves {output.curves} --out-figures {params.folder}/figures 2> {log}"


# What git keeps, so that `dvc metrics diff HEAD~1`, `dvc plots diff` and `dvc get` of the network to take work in any clone.
rule collect_record:
    input:
        runs="<results>/draw_figures/runs.csv",
        curves="<results>/draw_figures/plots/curves.csv",
        config="<results>/config.yaml",
        models=JOBS.trained(GRID.runs, "model.onnx"),
    output:
        runs="<results>/collect_record/runs.csv",
        curves="<results>/collect_record/curves.csv",
        models=expand(
            "<results>/collect_record/models/{dataset}.{suffix}", dataset=GRID.datasets, suffix=["onnx", "json"]
        ),
        metrics=[
            f"<results>/collect_record/metrics/{run.network}/{run.dataset}/{run.variant}.json"
            for run in GRID.runs
            if run.seed == GRID.seeds[0]
        ],
    log:
        "<logs>/collect_record.log",
    benchmark:
        "<benchmarks>/collect_record.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        results=subpath(input.config, parent=True),
        folder=subpath(output.runs, parent=True),
        code=sources("scripts/collect_record.py", *tasks.TASKS.values()),
    shell:
        "python scripts/collect_record.py --results {params.results} --out {params.folder} 2> {log}"
