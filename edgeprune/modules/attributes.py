"""Attributes of torch's own modules that repeat the shape of their parameters."""

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

#: What :func:`refit` sets.
REPEATED: dict[type[nn.Module], tuple[str, ...]] = {
    _ConvNd: ("in_channels", "out_channels", "groups"),
    nn.Linear: ("out_features", "in_features"),
    _NormBase: ("num_features",),
    nn.LayerNorm: ("normalized_shape",),
    nn.RMSNorm: ("normalized_shape",),
    nn.GroupNorm: ("num_channels",),
    nn.PReLU: ("num_parameters",),
    nn.MultiheadAttention: ("embed_dim", "head_dim", "kdim", "vdim"),
    nn.RNNBase: ("input_size", "hidden_size", "proj_size"),
    nn.RNNCellBase: ("input_size", "hidden_size"),
}


def refit(module: nn.Module) -> None:
    """Make ``module``'s attributes agree with its (new) parameters; modules of other libraries are left alone."""
    if isinstance(module, _ConvTransposeNd):
        inputs, per_group = module.weight.shape[:2]
        if module.groups > 1 and module.groups == module.in_channels:
            module.groups = inputs
        module.in_channels, module.out_channels = inputs, per_group * module.groups
    elif isinstance(module, _ConvNd):
        filters, per_group = module.weight.shape[:2]
        if module.groups > 1 and module.groups == module.in_channels:
            module.groups = filters // (module.out_channels // module.groups)
        module.in_channels, module.out_channels = per_group * module.groups, filters
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _NormBase):
        module.num_features = (module.weight if module.weight is not None else module.running_mean).shape[0]
    elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        module.normalized_shape = tuple(module.weight.shape)
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = module.weight.shape[0]
    elif isinstance(module, nn.PReLU):
        module.num_parameters = module.weight.shape[0]
    elif isinstance(module, nn.MultiheadAttention):
        keys, values = module.k_proj_weight, module.v_proj_weight
        module.embed_dim = (module.in_proj_weight if keys is None else module.q_proj_weight).shape[1]
        module.kdim, module.vdim = (module.embed_dim if w is None else w.shape[1] for w in (keys, values))
        module.head_dim = module.embed_dim // module.num_heads
    elif isinstance(module, nn.RNNBase):
        of_inputs, of_state = module.all_weights[0][:2]
        module.input_size = of_inputs.shape[1]
        if module.proj_size:
            module.proj_size, module.hidden_size = module.all_weights[0][-1].shape
        else:
            module.hidden_size = of_state.shape[1]
    elif isinstance(module, nn.RNNCellBase):
        module.input_size, module.hidden_size = module.weight_ih.shape[1], module.weight_hh.shape[1]
