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
