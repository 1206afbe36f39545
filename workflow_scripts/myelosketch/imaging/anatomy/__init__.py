"""The head in T1w space: brain, tissue, template and lesions."""
