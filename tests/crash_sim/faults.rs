//! A full disk and a failing one, in the middle of appends and syncs: the call says
//! so, the data is as it was, and the next try continues.
