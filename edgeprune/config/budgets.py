"""The named budgets of a grid: what may remain of several resources together."""

from edgeprune.errors import EdgepruneError


def check(config, file):
    """Refuse an amount of exactly 1, which could be all of a resource or one unit of it.

    Raises:
        EdgepruneError: with the key.
    """
    for name, budget in config.get("budgets", {}).items():
        for resource, amount in budget.items():
            if amount == 1:
                raise EdgepruneError(
                    f"{amount} is neither an amount above 1 nor a fraction between 0 and 1",
                    file=file,
                    key=f"budgets.{name}.{resource}",
                    remedy="give what may remain: an absolute amount (> 1), or a fraction of the dense network (< 1)",
                )
