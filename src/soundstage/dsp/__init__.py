"""Signal kernels that features share: arrays in, arrays out.

They import `scipy` and `librosa` as a whole, not `scipy.signal`: both load their parts when these
are first used, so that a module which is only looked at opens a second sooner.
"""
