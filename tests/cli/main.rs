//! The programs as a shell sees them: exit codes, messages, output.

mod consume;
mod front;
mod inspect_diff;
mod inspect_explain;
mod inspect_fields;
mod inspect_groups;
mod inspect_metadata;
mod inspect_records;
mod inspect_stats;
mod inspect_summary;
mod inspect_transactions;
mod inspect_verify;
mod produce;
mod repair;
mod repair_adopt;
mod served;
#[path = "../support/mod.rs"]
mod support;
mod topics;
mod usage;

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory of its own for one test.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// `ottla-VERB` in this directory, with an empty environment but for PATH.
    fn ottla(&self, verb: &str) -> Command {
        let name = match verb {
            "" => "ottla".to_owned(),
            verb => format!("ottla-{verb}"),
        };
        let mut command = Command::new(program(&name));
        command.current_dir(self.0.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OTTLA_") {
                command.env_remove(name);
            }
        }
        command.env("XDG_CONFIG_HOME", self.path("config"));
        command
    }

    /// Runs `ottla VERB ARGUMENTS`, which must succeed; its standard output.
    fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.code, 0, "{line}: {}", output.errors);
        output.text
    }

    /// The same with lines on standard input.
    fn ok_with(&self, line: &str, input: &str) -> String {
        let mut words = line.split_whitespace();
        let mut command = self.ottla(words.next().unwrap());
        let output = command.args(words).write_stdin(input).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `ottla VERB ARGUMENTS`; arguments are split at blanks.
    fn run(&self, line: &str) -> Output {
        let mut words = line.split_whitespace();
        let output = self
            .ottla(words.next().unwrap())
            .args(words)
            .output()
            .unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            text: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Every file below a directory with its content, to see that nothing changed.
    fn snapshot(&self, path: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.path(path), &mut files);
        files.sort();
        files
    }
}

struct Output {
    code: i32,
    text: String,
    errors: String,
}

impl Output {
    /// The exit code, nothing on standard output, and what the message says.
    fn fails(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{}", self.errors);
        assert_eq!(self.text, "");
        for text in says {
            assert!(
                self.errors.contains(text),
                "no `{text}` in: {}",
                self.errors
            );
        }
    }
}

fn program(name: &str) -> PathBuf {
    assert_cmd::cargo::cargo_bin(name)
}

fn collect(path: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(path).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.push((path.clone(), Vec::new()));
            collect(&path, files);
        } else {
            let content = std::fs::read(&path).unwrap();
            files.push((path, content));
        }
    }
}
