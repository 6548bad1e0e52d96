import shlex

# Each figure is a module of edgeprune/plotting; here stands, for each, what the report calls it and what it reads: inputs
# of the names of its options, and `options` that are no files. It is drawn for the pairs `shown`, all if there is nothing
# else said, as `file` if that has another name.
RUNS = {"runs": "<results>/draw_figures/{network}/{dataset}/runs.csv"}
BASELINE = {"baseline": lambda wildcards: JOBS.baselines([wildcards.dataset])}
PROFILE = {"profile": "<results>/profile_network/{network}/{dataset}/profile.json"}
PLANS = {"plans": of_pair(JOBS.plans)}
PAIR = "--network {network} --dataset {dataset}"
VARIANTS = {name: {"reference": v.reference, "budget": v.budget_name} for name, v in GRID.variants.items()}
DEVICE = config.get("sample_on")
FIGURES = {
    "layer_complexity": {"label": "what each layer costs", "input": PROFILE},
    "tradeoff": {"label": "score against each resource", "input": RUNS | BASELINE},
    "cost": {"label": "what training costs, stage by stage", "input": RUNS},
    "widths": {
        "label": "what each mode keeps",
        "input": PLANS,
        "options": f"{PAIR} --variants {shlex.quote(json.dumps(VARIANTS))}",
    },
    "speed": {"label": "MACs against measured time", "input": RUNS, "shown": GRID.pairs * bool(JOBS.measured)},
    "prediction": {
        "label": "predicted against measured latency",
        "input": {"table": JOBS.table_of_pair, **PROFILE, **PLANS, **RUNS},
        "options": f"{PAIR} --device {DEVICE}",
        "file": f"prediction-{DEVICE}",
        "shown": GRID.pairs * bool(JOBS.tabled and (DEVICE, "fp32") in JOBS.measured),
    },
    "samples": {
        "label": "test images and what the networks give for them",
        "input": {
            "data": multiext("<results>/fetch_dataset/{dataset}/", "manifest.json", "test.npy"),
            "models": of_pair(lambda runs: JOBS.trained(JOBS.pictured(runs), "model.onnx")),
            **RUNS,
        },
        "shown": [pair for pair in GRID.pairs if tasks.get(config["datasets"][pair[1]]["task"]).pictures],
    },
}
SHOWN = config.get("figures", FIGURES)
with refusing():
    for name in SHOWN:
        if name not in FIGURES:
            problem = f"there is no figure {name!r}{near(name, FIGURES)}"
            raise EdgepruneError(problem, key="figures", remedy=f"name some of: {', '.join(FIGURES)}")
PICTURES = [
    (network, dataset, figure.get("file", name))
    for network, dataset in GRID.pairs
    for name, figure in FIGURES.items()
    if name in SHOWN and (network, dataset) in figure.get("shown", GRID.pairs)
]


rule collect_runs:
    input:
        metrics=of_pair(JOBS.trained),
        measurements=of_pair(JOBS.measurements),
        timings=of_pair(JOBS.timings),
    output:
        table="<results>/draw_figures/{network}/{dataset}/runs.csv",
    log:
        "<logs>/collect_runs/{network}/{dataset}.log",
    benchmark:
        "<benchmarks>/collect_runs/{network}/{dataset}.tsv"
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        code=sources("scripts/collect_runs.py", "{task}"),
    shell:
        f"python scripts/collect_runs.py {lists('metrics', 'measurements', 'timings')} --out {{output.table}} 2> {{log}}"


for name, figure in FIGURES.items():
    stem = f"<results>/draw_figures/{{network}}/{{dataset}}/{figure.get('file', name)}"

    rule:
        name:
            f"draw_{name}"
        input:
            **figure["input"],
        output:
            svg=report(
                f"{stem}.svg",
                caption="../report/caption.rst",
                category="{network} on {dataset}",
                labels={"figure": figure["label"]},
            ),
            png=f"{stem}.png",
            pdf=f"{stem}.pdf",
            table=f"{stem}.csv",
            caption=f"{stem}.rst",
        log:
            f"<logs>/draw_{name}/{{network}}/{{dataset}}.log",
        benchmark:
            f"<benchmarks>/draw_{name}/{{network}}/{{dataset}}.tsv"
        localrule: True
        conda:
            "../envs/figures.yaml"
        params:
            figure=name,
            files=listed,
            options=figure.get("options", ""),
            code=sources("scripts/draw_figure.py", f"edgeprune.plotting.{name}:make", "{task}"),
        shell:
            "python scripts/draw_figure.py {params.figure} {params.files} {params.options} --out-svg {output.svg}"
            " --out-png {output.png} --out-pdf {output.pdf} --out-csv {output.table} --out-caption {output.caption} 2> {log}"


rule write_table:
    input:
        runs=[f"<results>/draw_figures/{network}/{dataset}/runs.csv" for network, dataset in GRID.pairs],
        baselines=JOBS.baselines(GRID.datasets),
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
    log:
        "<logs>/write_table.log",
    benchmark:
        "<benchmarks>/write_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        code=sources("scripts/write_table.py", *tasks.TASKS.values()),
    shell:
        f"python scripts/write_table.py {lists('runs', 'baselines')}"
        " --out-csv {output.groups} --out-runs {output.runs}"
        " --out-md {output.markdown} --out-tex {output.latex} --out-html {output.page}"
        " --out-caption {output.caption} 2> {log}"


rule write_environment:
    input:
        config="<results>/config.yaml",
        metrics=JOBS.trained(GRID.runs),
        measurements=JOBS.measurements(GRID.runs),
        timings=JOBS.timings(GRID.runs),
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
        code=sources("scripts/write_environment.py"),
    shell:
        f"python scripts/write_environment.py {lists('metrics', 'measurements', 'timings')}"
        " --config {input.config}"
        " --out-html {output.page} --out-caption {output.caption} 2> {log}"


# Snakemake brings what draws in the page. Where that lies differs between machines, and makes no other page: so it is no
# parameter of the job.
internals.let_jobs_find_libraries()


rule write_index:
    input:
        runs="<results>/draw_figures/runs.csv",
        config="<results>/config.yaml",
        curves="<results>/draw_figures/plots/curves.csv",
        plans=JOBS.plans(GRID.runs),
        pictures=[f"<results>/draw_figures/{n}/{d}/{name}.png" for n, d, name in PICTURES if name == "samples"],
    output:
        page="<results>/index.html",
    log:
        "<logs>/write_index.log",
    benchmark:
        "<benchmarks>/write_index.tsv"
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        results=subpath(output.page, parent=True),
        code=sources("scripts/write_index.py", *tasks.TASKS.values()),
    shell:
        'python scripts/write_index.py --results {params.results} --libraries "$SNAKEMAKE_ASSETS" --pictures {input.pictures}'
        " --out {output.page} 2> {log}"


rule figures:
    input:
        "<results>/index.html",
        [f"<results>/draw_figures/{network}/{dataset}/{figure}.svg" for network, dataset, figure in PICTURES],
        "<results>/draw_figures/results.csv",
        "<results>/draw_figures/environment.html",
