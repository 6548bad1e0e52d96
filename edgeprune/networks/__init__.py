"""Network factories: ``edgeprune.networks.<module>:<function>``, and how a name in the config becomes a module."""
