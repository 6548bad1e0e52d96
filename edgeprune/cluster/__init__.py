"""What a Slurm cluster needs beyond Snakemake's executor: no job of a dead run writes into the next one's results."""
