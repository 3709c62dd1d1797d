"""Array operations: a readable PyTorch twin for each kernel. Imports torch alone."""
