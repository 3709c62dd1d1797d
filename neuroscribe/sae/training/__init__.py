"""Training a TopK autoencoder on a stream of activations; `neuroscribe.sae.train` runs it."""
