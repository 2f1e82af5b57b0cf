//! A plan and what came of it, for people and as one JSON document.

use crate::format::Offset;
use crate::log::repair::apply::Applied;
use crate::log::repair::undo::Undone;
use crate::log::repair::{Change, Plan, Salvage, Step, What};
use crate::tools::args::DataFormat;
use crate::tools::args::repair::RepairOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::table::Table;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;

/// The columns of the partitions' table.
const PARTITIONS: [&str; 5] = ["partition", "kept", "mended", "lost", "duplicates"];
/// The columns of the changes, where rows are wanted.
const CHANGES: [&str; 4] = ["change", "path", "check", "why"];
/// The version of what `--undo --json` prints: the first had room for one directory.
const UNDONE_VERSION: u32 = 2;
/// Columns of a note, of the 80 of a terminal.
const NOTE_WIDTH: usize = 70;
/// Steps shown of each partition.
const MOST_STEPS: usize = 20;

/// How far it came.
pub(super) enum Outcome<'a> {
    /// Nothing was done.
    Planned,
    /// All of it was.
    Applied(&'a Applied),
}

/// Prints a plan and what came of it.
pub(super) fn outcome(options: &RepairOptions, plan: &Plan, outcome: &Outcome<'_>) -> Result<()> {
    let text = match options.output {
        DataFormat::Json => document(options, plan, outcome),
        DataFormat::Table => for_people(plan).into_bytes(),
        rows => {
            let mut table = Table::new(&CHANGES);
            for change in &plan.changes {
                table.push(vec![
                    json!(verb(change)),
                    json!(change.path.to_string_lossy()),
                    json!(change.check.as_str()),
                    json!(change.why),
                ]);
            }
            table.render(rows)
        }
    };
    print(&text)
}

/// Prints what was taken back.
pub(super) fn undone(undone: &[Undone]) -> Result<()> {
    let one = |undone: &Undone| {
        json!({
            "directory": undone.directory.to_string_lossy(),
            "repairedAt": undone.time_ms,
            "changes": undone.changes,
        })
    };
    let value = json!({
        "version": UNDONE_VERSION,
        "undone": undone.iter().map(one).collect::<Vec<_>>(),
    });
    print(format!("{value:#}\n").as_bytes())
}

fn for_people(plan: &Plan) -> String {
    let mut text = String::new();
    if !plan.partitions.is_empty() {
        let mut table = Table::new(&PARTITIONS);
        for salvage in &plan.partitions {
            let lost = salvage.lost.iter().map(length);
            table.push(vec![
                json!(salvage.partition.to_string()),
                json!(salvage.kept),
                json!(salvage.mended),
                json!(lost.sum::<i64>()),
                json!(salvage.duplicates),
            ]);
        }
        text.push_str(&String::from_utf8_lossy(&table.render(DataFormat::Table)));
        text.push('\n');
    }
    for salvage in &plan.partitions {
        steps(&mut text, salvage);
    }
    for change in &plan.changes {
        let verb = verb(change);
        let path = change.path.display();
        let _ = writeln!(text, "{verb:<9} {path}");
        let _ = writeln!(text, "          {}: {}", change.check, change.why);
    }
    for left in &plan.left {
        let _ = writeln!(text, "left      {}", left.path.display());
        let _ = writeln!(text, "          {}: {}", left.check, left.why);
    }
    for note in &plan.notes {
        let _ = writeln!(text, "note      {}", wrapped(note));
    }
    text
}

/// Words in lines that fit behind a verb.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= NOTE_WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n          ")
}

fn steps(text: &mut String, salvage: &Salvage) {
    let mut last = None;
    for step in salvage.steps.iter().take(MOST_STEPS) {
        if last != Some(&step.path) {
            let _ = writeln!(text, "{}", step.path.display());
            last = Some(&step.path);
        }
        let _ = writeln!(text, "  {}", in_words(step));
    }
    if let Some(more) = salvage.steps.len().checked_sub(MOST_STEPS + 1) {
        let _ = writeln!(text, "  … and {} more", more + 1);
    }
    if !salvage.steps.is_empty() {
        text.push('\n');
    }
}

fn in_words(step: &Step) -> String {
    let offsets = match length(&step.offsets) {
        1 => format!("offset {}", step.offsets.start),
        _ => format!(
            "offsets {} to {}",
            step.offsets.start,
            step.offsets.end.get() - 1
        ),
    };
    let done = &step.done;
    if step.bytes.is_empty() {
        return format!("{offsets}: {done}");
    }
    format!(
        "bytes {} to {}, {offsets}: {done}",
        step.bytes.start,
        step.bytes.end - 1
    )
}

fn document(options: &RepairOptions, plan: &Plan, outcome: &Outcome<'_>) -> Vec<u8> {
    let change = |change: &Change| {
        json!({
            "path": change.path.to_string_lossy(),
            "change": verb(change),
            "check": change.check.as_str(),
            "why": change.why,
        })
    };
    let range = |range: &Range<Offset>| json!([range.start.get(), range.end.get()]);
    let step = |step: &Step| {
        json!({
            "file": step.path.to_string_lossy(),
            "byteStart": step.bytes.start,
            "byteEnd": step.bytes.end,
            "offsetStart": step.offsets.start.get(),
            "offsetEnd": step.offsets.end.get(),
            "done": step.done,
        })
    };
    let partition = |salvage: &Salvage| {
        json!({
            "topic": salvage.partition.topic,
            "partition": salvage.partition.partition,
            "kept": salvage.kept,
            "mended": salvage.mended,
            "duplicates": salvage.duplicates,
            "lost": salvage.lost.iter().map(range).collect::<Vec<_>>(),
            "steps": salvage.steps.iter().map(step).collect::<Vec<_>>(),
        })
    };
    let left = plan.left.iter().map(|left| {
        json!({
            "path": left.path.to_string_lossy(),
            "check": left.check.as_str(),
            "why": left.why,
        })
    });
    let (applied, sidecars, remaining) = match outcome {
        Outcome::Planned => (false, json!([]), Value::Null),
        Outcome::Applied(applied) => {
            let damage = applied.findings.iter().filter(|f| f.severity.is_damage());
            (true, json!(paths(&applied.sidecars)), json!(damage.count()))
        }
    };
    let value = json!({
        "version": 1,
        "location": options.site.to_string(),
        "applied": applied,
        "sidecars": sidecars,
        "remainingFindings": remaining,
        "partitions": plan.partitions.iter().map(partition).collect::<Vec<_>>(),
        "changes": plan.changes.iter().map(change).collect::<Vec<_>>(),
        "left": left.collect::<Vec<_>>(),
        "notes": plan.notes,
    });
    format!("{value:#}\n").into_bytes()
}

fn paths(paths: &[PathBuf]) -> Vec<String> {
    let texts = paths.iter().map(|path| path.display().to_string());
    texts.collect()
}

const fn verb(change: &Change) -> &'static str {
    match change.what {
        What::Write(_) => "write",
        What::Assemble(_) => "assemble",
        What::Remove => "remove",
        What::Rename(_) => "rename",
        What::CreateDirectory => "create",
        What::RemoveDirectory => "remove",
        What::Rebuild(_) => "rebuild",
    }
}

const fn length(range: &Range<Offset>) -> i64 {
    range.end.get() - range.start.get()
}

fn print(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))
}
