//! `ottla inspect explain`: everything that is true of one offset, as a story or as
//! one object.

mod document;
mod story;

use super::site::{Scope, Site};
use crate::format::internal::{self, Shown};
use crate::host::Host;
use crate::log::explain::{Explained, Missing, Place, RecordAt, explain};
use crate::log::layout::TopicPartition;
use crate::log::verify::Surroundings;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::ExplainOptions;
use crate::tools::error::{Result, ToolError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(options: &ExplainOptions, host: &Arc<dyn Host>) -> Result<()> {
    let site = &options.site;
    let (name, directory) = partition(site, &**host)?;
    if matches!(options.output, DataFormat::Csv | DataFormat::Tsv) {
        return Err(ToolError::usage(
            "explain tells a story (--output table) or prints one object (--output json)",
        ));
    }
    let around = Surroundings::read(host, &site.data, site.is_data);
    if around.live && !options.quiet && options.output == DataFormat::Table {
        eprintln!(
            "{} is held by a running server: what is shown may move",
            site.data.display()
        );
    }
    let now = host.now_ms();
    let found = explain(host, &around, &name, &directory, options.offset, now)?;
    let text = match options.output {
        DataFormat::Json => {
            let document = document::of(&found);
            let mut text = serde_json::to_string_pretty(&document).expect("values are JSON");
            text.push('\n');
            text
        }
        _ => story::of(&found, &around, now),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))?;
    match found.place {
        Place::Missing(Missing::Damaged { error, .. }) => Err(error.into()),
        _ => Ok(()),
    }
}

/// The one partition that is meant.
fn partition(site: &Site, host: &dyn Host) -> Result<(TopicPartition, PathBuf)> {
    if let Scope::File(path) = &site.scope {
        let directory = path.parent().unwrap_or(Path::new("."));
        let name = directory
            .file_name()
            .and_then(|name| TopicPartition::from_directory(name.to_str()?));
        return name
            .map(|name| (name, directory.to_owned()))
            .ok_or_else(|| ToolError::usage(format!("{site}: expected a partition's file")));
    }
    let mut found = match site.scope {
        Scope::Data => Vec::new(),
        _ => site.partitions(host)?,
    };
    if found.len() != 1 {
        let example = found.first().map_or_else(
            || format!("{site}/TOPIC-0"),
            |(name, _)| site.data.join(name.to_string()).display().to_string(),
        );
        return Err(ToolError::usage(format!(
            "{site}: expected one partition, such as {example}"
        )));
    }
    Ok(found.remove(0))
}

/// A record of an internal topic, decoded where it follows the format.
fn decoded(found: &Explained, record: &RecordAt) -> Option<Shown> {
    if record.control.is_some() {
        return None;
    }
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    internal::show(&found.partition.topic, key, value)?.ok()
}
