"""Floor 5: voxelwise scores, demyelination, lesions, regions and statistics."""
