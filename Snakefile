"""Complexity-driven pruning at initialisation: fetch, profile, sample, train, measure, figures."""


include: "rules/common.smk"


pathvars:
    results=f"results/{config['preset']}",
    logs=f"logs/{config['preset']}",
    benchmarks=f"logs/{config['preset']}/benchmarks",


report: "report/workflow.rst"


include: "rules/devices.smk"
include: "rules/config.smk"
include: "rules/fetch.smk"
include: "rules/profile.smk"
include: "rules/layers.smk"
include: "rules/sample.smk"
include: "rules/prune.smk"
include: "rules/train.smk"
include: "rules/quantize.smk"
include: "rules/baseline.smk"
include: "rules/measure.smk"
include: "rules/figures.smk"
include: "rules/plots.smk"
include: "rules/record.smk"


# On a cluster these run where Snakemake does: compute nodes often have no internet, and tables take seconds. So do
# figures, which say it themselves.
localrules:
    all,
    store_config,
    fetch_dataset,
    write_table,
    write_environment,
    collect_plots,
    collect_record,


rule all:
    default_target: True
    input:
        # A figure that is there does not ask for a measurement that is gone.
        rules.measure.input,
        rules.figures.input,
        rules.collect_plots.output,
        rules.collect_record.output,
        rules.store_config.output,


onstart:
    refuse_unwritable()
    refuse_orphans()
    sweep()


onsuccess:
    name_absent_devices()


onerror:
    name_absent_devices()
