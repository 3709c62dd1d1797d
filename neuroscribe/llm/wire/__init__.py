"""The OpenAI protocol as data: requests to JSON bodies, JSON bodies to outcomes.

Pure functions, so every odd answer that a host has been seen to give is a test without a network.
Bodies are read as plain JSON and not through the SDK's models: an answer with log-probabilities
holds thousands of small objects that nobody reads, and the models check nothing. Measured: the
echo of a prompt of 1,100 tokens with 64 slots of 20 alternatives takes 0.8 ms to read as JSON and
9.3 ms as models; a generated table of 64 lines 0.9 ms and 4.8 ms.
"""
