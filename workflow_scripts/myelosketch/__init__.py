"""myelosketch: myelin content (PIB PET DVR) predicted from MRI by sketcher-refiner GANs (Wei et al., MICCAI 2018)."""

__version__ = "0.1.0"
