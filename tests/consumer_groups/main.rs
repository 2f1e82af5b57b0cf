//! Consumer groups: the coordinator, driven as members would drive it.

mod classic;
mod harness;
mod migration;
mod protocol;
mod simulation;
