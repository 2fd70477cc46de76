"""What the stores of both databases share: columns, batches, the statements that are alike, and how they are read and written."""
