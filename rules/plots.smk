# What `dvc plots` shows beside the tables: it takes folders that hold nothing but pictures, and one table of curves.
PICTURES = get_pictures()


rule collect_plots:
    input:
        histories=files_of(GRID.runs, "<results>/train_network/{path}/history.csv"),
        figures=[f"<results>/draw_figures/{network}/{dataset}/{figure}.png" for network, dataset, figure in PICTURES],
    output:
        curves="<results>/draw_figures/plots/curves.csv",
        figures=[
            f"<results>/draw_figures/plots/figures/{network}-{dataset}-{figure}.png"
            for network, dataset, figure in PICTURES
        ],
    log:
        "<logs>/collect_plots.log",
    benchmark:
        "<benchmarks>/collect_plots.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        histories=lambda wildcards: f"results/{config['preset']}/train_network/{_runs_of(wildcards)}/history.csv",
        figures=lambda wildcards, input: f"--figures {' '.join(input.figures)}",
        folder=subpath(output.curves, parent=True),
        code=sources("scripts/collect_plots.py"),
    shell:
        "python scripts/collect_plots.py --histories {params.histories} {params.figures}"
        " --out-curves {output.curves} --out-figures {params.folder}/figures 2> {log}"
