//! What is generated from the command lines' definitions and checked in: man
//! pages and completions. `OTTLA_UPDATE=1 cargo test --test generated` rewrites
//! them; without the variable that test fails when they are stale.

use super::args;
use super::args::front::VERBS;
use super::args::texts::Section;
use super::error::Exit;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Every generated file: its path from the repository's root, and its content.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for args::Program {
        name,
        command,
        completed,
        sections,
    } in args::programs()
    {
        files.push((format!("man/{name}.1"), man_page(name, &command, sections)));
        for (shell, file) in [
            (Shell::Bash, format!("completions/{name}.bash")),
            (Shell::Zsh, format!("completions/_{name}")),
            (Shell::Fish, format!("completions/{name}.fish")),
        ] {
            let mut text = Vec::new();
            let mut command = completed.clone().bin_name(name);
            clap_complete::generate(shell, &mut command, name, &mut text);
            files.push((file, text));
        }
    }
    files
}

fn man_page(name: &str, command: &Command, sections: &[Section]) -> Vec<u8> {
    let mut page = Vec::new();
    let examples = examples(command);
    // Examples and exit status become sections of their own.
    let bare = command.clone().after_help("").after_long_help("");
    let man = Man::new(bare.mut_args(with_help))
        .date("")
        .source(format!("Ottla {}", env!("CARGO_PKG_VERSION")))
        .manual("Ottla");
    let mut render = || -> std::io::Result<()> {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        for subcommand in command.get_subcommands() {
            page.extend(subcommand_section(command, subcommand)?);
        }
        Ok(())
    };
    render().expect("writing to memory does not fail");
    let mut roff = Roff::new();
    if name == "ottla" {
        verbs(&mut roff);
    }
    for (title, text) in sections {
        section(&mut roff, title, text);
    }
    exit_status(&mut roff);
    section(&mut roff, "EXAMPLES", &examples);
    section(
        &mut roff,
        "SEE ALSO",
        "ottla(1), ottla-consume(1), ottla-groups(1), ottla-inspect(1), ottla-produce(1), ottla-repair(1), ottla-topics(1)",
    );
    roff.to_writer(&mut page)
        .expect("writing to memory does not fail");
    page
}

/// Help that a man page has in full.
fn with_help(arg: clap::Arg) -> clap::Arg {
    match (arg.get_long_help(), arg.get_help().cloned()) {
        (None, Some(help)) => arg.long_help(help),
        _ => arg,
    }
}

/// A section about a subcommand: what it does, its usage, and the options that the
/// whole program does not have.
fn subcommand_section(command: &Command, subcommand: &Command) -> std::io::Result<Vec<u8>> {
    let name = subcommand.get_name();
    let program = command.get_bin_name().unwrap_or(command.get_name());
    let known = |arg: &clap::Arg| {
        let same = |other: &clap::Arg| {
            other.get_id() == arg.get_id()
                && other.get_help().map(ToString::to_string)
                    == arg.get_help().map(ToString::to_string)
        };
        command.get_arguments().any(same)
    };
    let mut own = Command::new(name.to_owned()).disable_help_flag(true);
    let mut usage = format!("{program} {name} [OPTIONS]");
    for arg in subcommand.get_arguments() {
        if arg.is_positional() {
            for value in arg.get_value_names().unwrap_or_default() {
                usage.push_str(&format!(" {value}"));
            }
        }
        if !known(arg) {
            own = own.arg(with_help(arg.clone()));
        }
    }
    let mut roff = Roff::new();
    roff.control("SH", [format!("{program} {name}").as_str()]);
    let about = subcommand.get_long_about().or(subcommand.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    roff.text([roman(format!("{}.", about.trim_end_matches('.')))]);
    roff.control("PP", []);
    roff.text([bold(usage)]);
    let has_own = own.get_arguments().next().is_some();
    roff.control("PP", []);
    roff.text([roman(if has_own {
        "Options as above, and:"
    } else {
        "Options as above."
    })]);
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    if has_own {
        let mut options = Vec::new();
        Man::new(own).render_options_section(&mut options)?;
        let options = String::from_utf8(options).expect("help is text");
        let entries = options.split_once(".SH OPTIONS\n");
        page.extend_from_slice(entries.map_or("", |(_, entries)| entries).as_bytes());
    }
    Ok(page)
}

/// The examples of the help, each a line of command and comment.
fn examples(command: &Command) -> String {
    let help = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    help.trim_start_matches("Examples:\n").to_owned()
}

fn verbs(roff: &mut Roff) {
    roff.control("SH", ["VERBS"]);
    for (verb, about) in VERBS {
        roff.control("TP", []);
        roff.text([bold(format!("ottla-{verb}(1)"))]);
        roff.text([roman(about)]);
    }
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for (exit, meaning) in Exit::TABLE {
        roff.control("TP", []);
        roff.text([bold(exit.code().to_string())]);
        roff.text([roman(meaning)]);
    }
}

/// A section: paragraphs apart by empty lines; lines that begin with two spaces
/// stand as they are.
fn section(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    let mut as_is = false;
    for line in text.lines() {
        let code = line.starts_with("  ");
        if code != as_is {
            roff.control(if code { "nf" } else { "fi" }, []);
            as_is = code;
        }
        if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line)]);
        }
    }
    if as_is {
        roff.control("fi", []);
    }
}
