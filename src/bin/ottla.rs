//! `ottla`: finds and runs `ottla-VERB`.

fn main() {}
