"""What would free layers that keep their filters, by the reason that a profile gives."""

#: Words of a reason -> what to change in the network's code. What is not here has to be so, like the outputs.
_REMEDIES = {
    "there is no rule for the operator": "give the operator a rule with edgeprune.register_rule (docs/own-operator.md)",
    "a size is written down": "take the size from the tensor (x.flatten(1), x.shape[1]), or keep it in an attribute",
    "mixes channels with other dimensions": "reshape in a way that keeps channels apart, as x.flatten(1) does",
    "as a spatial dimension": "let an operator over channels do it, a 1 x 1 convolution or a linear layer",
    "picked": "take channels by a split where a layer's channels end, instead of by their numbers",
    "cuts through units": "cut where a layer's channels end, or in equal parts",
    "of no convolution or linear layer that runs": "take them out of the network if its forward pass does not use them",
    "cannot be divided": "choose a number of groups that divides what each layer before it writes",
}


def remedy(reason: str) -> str | None:
    """What a user can do about a reason of ``Profile.frozen``; None if nothing."""
    return next((do for words, do in _REMEDIES.items() if words in reason), None)
