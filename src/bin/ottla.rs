//! `ottla`: finds and runs `ottla-VERB`.

fn main() -> std::process::ExitCode {
    ottla::tools::front::main()
}
