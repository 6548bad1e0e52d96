"""Baselines of three stages: train the dense network, prune the trained one by ranking its filters, fine-tune."""
