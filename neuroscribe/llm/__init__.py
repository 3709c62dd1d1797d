"""LLMs behind one interface: clients, journal, budget, and the driver that runs dialogues."""
