"""Where the shards of one recording run: one file per engine, registered by its name.

A `PLUGIN` is called as `record(root, plan, arguments, processes=N)`: it records N shards, merges
them into the study at `root` and returns the manifest.
"""

SHARDS_FOLDER = ".shards"
"""Inside a study that is being recorded in parts."""
