# What the rules that measure have in common: each device works for one job at a time.


def slot_of(device):
    """The name of the Snakemake resource of which a device has one."""
    return f"device_{re.sub(r'[^A-Za-z0-9]', '_', device)}"


# What measures itself does so on each node of a cluster, one at a time there; another device is one, whoever asks it.
for device, settings in config["devices"].items():
    offer = internals.offer_here if settings["kind"] == "local" else internals.offer
    offer(workflow, slot_of(device), 1)

DEVICE_SLOTS = {
    slot_of(device): lambda wildcards, device=device: int(slot_of(wildcards.device) == slot_of(device))
    for device in config["devices"]
}


def get_measuring_threads(wildcards):
    """The whole machine where it measures itself: no training runs beside the stopwatch. Another device leaves it free."""
    return (workflow.cores or 1) if config["devices"][wildcards.device]["kind"] == "local" else 1
