"""Floor 3: MRI into PET space, and the regions."""
