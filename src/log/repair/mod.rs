//! Mends a data directory: first a plan, then, where it is wanted, all of it as one
//! step that can be undone.
//!
//! Each planner sees to one concern and returns a [`Plan`]; they run in the order
//! of [`plan`]. Nothing here writes into the directory that is mended: a twin is
//! made beside it and exchanged with it.

pub mod adopt;
pub mod leftovers;
pub mod plan;
mod readable;
#[cfg(test)]
mod testing;
pub mod topic_ids;
mod gap;
mod holes;
mod order;
pub mod plan;
mod salvage;
mod units;

pub use plan::{Change, Left, Piece, Plan, Rebuild, Salvage, Step, What};
