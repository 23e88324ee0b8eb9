"""Signal kernels that features share: arrays in, arrays out."""
