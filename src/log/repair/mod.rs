//! Mends a data directory: first a plan, then, where it is wanted, all of it as one
//! step that can be undone.
