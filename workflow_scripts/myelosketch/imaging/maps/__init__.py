"""FA, RD, AD, MTR and DVR from raw images of diffusion, magnetisation transfer and dynamic PET."""
