"""Top exemplars: each unit's K sequences with the largest peaks, per split, with their rows."""

from neuroscribe.recorder.kept_sequences import KeptSequences
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer


class TopExemplars(KeptSequences, Reducer):
    """The K best sequences by their peaks."""

    def update(self, reading: Reading) -> None:
        """Insert the sequences that beat a unit's smallest kept peak."""
        self.insert(reading.peaks(self.polarity), reading.batch.splits, reading)
