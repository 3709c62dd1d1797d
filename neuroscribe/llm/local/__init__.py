"""Local LLMs: a causal language model in this process, scored in batches that share a prefix.

Whatever is asked (values at slots, surprise, decisions, levels) becomes rows of token ids with
targets (`rows`), so prefix reuse, batching and the chain rule are written once (`scoring`). Most
of these modules import torch and transformers; `llm.clients.local` imports them when a client is
opened.
"""
