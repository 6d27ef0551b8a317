"""How one looks: capture, token ablation, gradients."""
