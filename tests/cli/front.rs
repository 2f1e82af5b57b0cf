//! `ottla VERB`.

use crate::Place;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_verb_is_run_with_its_arguments_and_exit_code() {
    let place = Place::new();
    let output = place
        .ottla("")
        .args(["topics", "nowhere"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let output = place
        .ottla("")
        .args(["topics", "--bogus"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = place.ottla("").args(["help", "topics"]).output().unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("--delete-config")
    );
}

#[test]
fn anyone_can_add_a_verb() {
    let place = Place::new();
    let verb = place.path("ottla-greet");
    std::fs::write(&verb, "#!/bin/sh\necho hello $1\nexit 7\n").unwrap();
    std::fs::set_permissions(&verb, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(place.path("ottla-not-executable"), "x").unwrap();
    let path = format!("{}:/usr/bin:/bin", place.path("").display());
    let run = |arguments: &[&str]| {
        let mut command = place.ottla("");
        command.env("PATH", &path).args(arguments).output().unwrap()
    };
    let output = run(&["greet", "you"]);
    assert_eq!(output.stdout, b"hello you\n");
    assert_eq!(output.status.code(), Some(7));
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(
        help.contains("  greet\n") && help.contains("consume"),
        "{help}"
    );
    assert_eq!(run(&["not-executable"]).status.code(), Some(2));
}

#[test]
fn what_is_no_verb_is_a_usage_error_that_suggests_one() {
    let place = Place::new();
    for (arguments, says) in [
        (vec!["prodcue"], "did you mean `ottla produce`?"),
        (vec!["xyzzy"], "`ottla --help` lists the verbs"),
        (vec!["--follow", "consume"], "options come behind the verb"),
        (vec!["../topics"], "unknown verb"),
        (vec![], "expected a verb"),
    ] {
        let output = place.ottla("").args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(says), "{arguments:?}: {errors}");
    }
}

#[test]
fn version_and_help_are_output() {
    let place = Place::new();
    for verb in ["", "produce", "consume", "topics"] {
        let version = place.ottla(verb).arg("--version").output().unwrap();
        assert!(version.status.success());
        let version = String::from_utf8(version.stdout).unwrap();
        assert!(
            version.ends_with(concat!(env!("CARGO_PKG_VERSION"), "\n")),
            "{version}"
        );
        let short = place.ottla(verb).arg("-h").output().unwrap();
        let short = String::from_utf8(short.stdout).unwrap();
        assert!(short.lines().count() <= 50, "{verb}: one screen");
        let examples = short.split("Examples:\n").nth(1).unwrap();
        assert_eq!(
            examples.trim_end().lines().count(),
            2,
            "{verb}: two examples"
        );
        let long = place.ottla(verb).arg("--help").output().unwrap();
        let long = String::from_utf8(long.stdout).unwrap();
        assert!(long.contains("EXIT STATUS\n  0  Done."), "{verb}: {long}");
    }
}
