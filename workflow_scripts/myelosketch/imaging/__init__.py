"""From images as they were measured to maps and regions on the PET grid."""
