//! Partitions and the data directory.
