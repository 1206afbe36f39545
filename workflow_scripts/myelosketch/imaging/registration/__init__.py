"""Every image in PET space: transforms, interpolation, and the quality control of both."""
