"""What the rules need of Snakemake and its documentation does not promise: the one file to mend for another version.

Each function takes the `workflow` that Snakefiles see. Only this module of the package may import Snakemake.
"""

import re

from edgeprune.errors import EdgepruneError

#: The first version that will do, and the first that this file was not written for.
VERSIONS = ("9.16", "10")


def check_version(version):
    """Refuse a Snakemake whose inside is not known here.

    Raises:
        EdgepruneError: with the versions that will do.
    """
    found, first, beyond = ([int(part) for part in re.findall(r"\d+", text)[:2]] for text in (version, *VERSIONS))
    if not first <= found < beyond:
        wanted = "snakemake>={},<{}".format(*VERSIONS)
        raise EdgepruneError(f"this is Snakemake {version}", remedy=f"install one that will do: pip install '{wanted}'")


def overrides(workflow):
    """The configuration that the command line gave."""
    return workflow.config_settings.overwrite_config


def offer(workflow, resource, amount):
    """Let jobs share ``amount`` of a resource, unless the command line says how much there is."""
    if resource not in workflow.global_resources:
        workflow.register_resource(resource, amount)


def submits(workflow):
    """Whether jobs are submitted to a cluster."""
    return workflow.nodes is not None


def before_protected(check):
    """Call ``check(files)`` with the outputs of a job before Snakemake says that some of them are write-protected.

    It does so while it plans, ahead of `onstart`.
    """
    from snakemake import jobs

    protected = jobs.Job.check_protected_output

    async def check_first(job):
        try:
            await protected(job)
        except jobs.ProtectedOutputException:
            check([str(file) for file in job.output])
            raise

    jobs.Job.check_protected_output = check_first
