"""Training from scratch: recipe in, weights, history and metrics out."""
