"""Scores of predictions: voxelwise errors, demyelination, lesions, regions and statistics."""
