"""Floor 3: from images as they were measured to maps and regions on the PET grid."""
