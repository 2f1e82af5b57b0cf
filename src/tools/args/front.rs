//! `ottla VERB …`.

use clap::{Arg, Command};

/// The verbs that come with this package, and what each does.
pub const VERBS: [(&str, &str); 7] = [
    ("consume", "Print records"),
    (
        "groups",
        "List and describe groups, reset and delete their offsets",
    ),
    (
        "inspect",
        "Look into a directory: verify, explain, compare, measure",
    ),
    ("produce", "Append records from standard input"),
    (
        "repair",
        "Plan and carry out repairs of a damaged directory",
    ),
    ("serve", "Serve a directory to Kafka clients"),
    ("topics", "Create, list, describe, alter and delete topics"),
];

const EXAMPLES: &str = "  seq 1000 | ottla produce data/numbers     append a thousand records, creating what is missing
  ottla consume data/numbers -o -10         print the last ten
";

/// Its definition. What follows the verb belongs to the verb's own program.
pub fn command() -> Command {
    let verbs: String = VERBS
        .iter()
        .map(|(verb, about)| format!("  {verb:<10} {about}\n"))
        .collect();
    let command = Command::new("ottla")
        .about("Apache Kafka's log as a Unix tool suite")
        .long_about(
            "Apache Kafka's log as a Unix tool suite: the bytes on disk are Apache Kafka's bytes, \
             so every tool works on a directory, with or without a server.\n\n\
             `ottla VERB` runs the program `ottla-VERB`, found beside this one or on PATH.",
        )
        .override_usage("ottla VERB LOCATION [OPTIONS]\n       ottla help VERB")
        .arg(
            Arg::new("verb")
                .value_name("VERB")
                .help("What to do; `ottla help VERB` explains it")
                .value_parser(clap::builder::PossibleValuesParser::new(VERBS.iter().map(
                    |(verb, about)| clap::builder::PossibleValue::new(*verb).help(*about),
                )))
                .hide_possible_values(true),
        )
        .arg(
            Arg::new("arguments")
                .value_name("ARGUMENTS")
                .help("The verb's own arguments")
                .num_args(0..)
                .allow_hyphen_values(true)
                .trailing_var_arg(true),
        );
    super::with_help(command, EXAMPLES, &super::texts::FRONT)
        .before_help(format!("Verbs:\n{verbs}"))
}
