//! `ottla inspect metadata`: what the metadata log adds up to, now or at an offset,
//! and the log itself.

mod log;
mod sections;

use super::files::{Troubles, skipped_json, tell_skipped};
use super::site::{Scope, Site};
use super::time::when;
use crate::format::Offset;
use crate::host::Host;
use crate::log::data_dir::read_meta;
use crate::log::image::release_of;
use crate::log::layout::METADATA_TOPIC;
use crate::log::metadata_log::{ImageAt, Source};
use crate::log::presence::{Presence, is_directory};
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::{MetadataOptions, Section};
use crate::tools::error::{Result, ToolError};
use clap::ValueEnum as _;
use sections::{Sections, title};
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(options: &MetadataOptions, host: &Arc<dyn Host>) -> Result<()> {
    let site = &options.site;
    let source = source(site, &**host)?;
    if site.is_data && !options.quiet && Presence::is_served(&**host, &site.data) {
        eprintln!(
            "{} is held by a running server: what is shown may move",
            site.data.display()
        );
    }
    if let Some(from) = options.log {
        return log::print(options, host, &source, from);
    }
    let found = ImageAt::read(host, &source, options.at)?;
    if let (Some(at), None) = (options.at, found.damage.first())
        && found.offset < Some(at)
    {
        return Err(ToolError::failed(format!(
            "{site}: the metadata log has no offset {at}: expected {} at most",
            found.offset.map_or(0, Offset::get)
        )));
    }
    let text = match options.output {
        DataFormat::Table => for_people(options, &found, &source, host),
        DataFormat::Json => document(options, &found, host),
        rows => Sections::new(&found.image, options.secrets)
            .full(options.only[0])
            .render(rows),
    };
    print(&text)?;
    let mut troubles = Troubles::default();
    tell_skipped(found.damage.iter(), options.quiet, &mut troubles);
    troubles.outcome(site)
}

/// The directory of the metadata log, or the file that was named.
fn source(site: &Site, host: &dyn Host) -> Result<Source> {
    let is_log = |topic: &str| topic == METADATA_TOPIC;
    let directory = site.data.join(format!("{METADATA_TOPIC}-0"));
    match &site.scope {
        Scope::File(path) => {
            let suffix = path.extension().and_then(|suffix| suffix.to_str());
            if matches!(suffix, Some("log" | "checkpoint")) {
                return Ok(Source::File(path.clone()));
            }
            return Err(ToolError::usage(format!(
                "{site}: expected a .log or .checkpoint file of the metadata log"
            )));
        }
        Scope::Data => {}
        Scope::Topic(topic) if is_log(topic) => {}
        Scope::Partition(partition) if is_log(&partition.topic) => {
            let named = site.data.join(partition.to_string());
            return Ok(Source::Directory(named));
        }
        _ => {
            return Err(ToolError::usage(format!(
                "{site}: expected a data directory, or the metadata log in it"
            ))
            .hint(format!(
                "`ottla inspect metadata {}` shows the metadata",
                site.data.display()
            )));
        }
    }
    if is_directory(host, &directory) {
        return Ok(Source::Directory(directory));
    }
    Err(ToolError::failed(format!(
        "{} has no metadata log: expected {}",
        site.data.display(),
        directory.display()
    ))
    .hint(format!(
        "`ottla repair {} --adopt` makes one from the partitions that are there",
        site.data.display()
    )))
}

/// The sections to show.
fn wanted(options: &MetadataOptions) -> Vec<Section> {
    if options.only.is_empty() {
        Section::value_variants().to_vec()
    } else {
        options.only.clone()
    }
}

fn document(options: &MetadataOptions, found: &ImageAt, host: &Arc<dyn Host>) -> Vec<u8> {
    let image = &found.image;
    let meta = options
        .site
        .is_data
        .then(|| read_meta(&**host, &options.site.data).ok().flatten())
        .flatten();
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("offset", json!(found.offset));
    put("epoch", json!(found.epoch));
    put("timestamp", json!(found.timestamp));
    put(
        "snapshot",
        json!(
            found
                .snapshot
                .as_deref()
                .and_then(Path::file_name)
                .map(|name| name.to_string_lossy())
        ),
    );
    put(
        "clusterId",
        json!(meta.as_ref().and_then(|meta| meta.cluster_id.clone())),
    );
    put("nodeId", json!(meta.as_ref().and_then(|meta| meta.node_id)));
    let level = image.features().get("metadata.version");
    put("metadataVersion", json!(level));
    put("release", json!(level.and_then(|level| release_of(*level))));
    put(
        "kraftVersion",
        json!(image.nodes().kraft_version.unwrap_or(0)),
    );
    put("leader", json!(image.nodes().leader));
    put("nextProducerId", json!(image.next_producer_id()));
    put("zkMigration", json!(image.zk_migration()));
    put("pendingRecords", json!(image.pending()));
    put(
        "damage",
        json!(
            found
                .damage
                .iter()
                .map(|skipped| skipped_json(&options.site.data, skipped))
                .collect::<Vec<_>>()
        ),
    );
    let sections = Sections::new(image, options.secrets);
    for section in wanted(options) {
        put(title(section), sections.full(section).to_json());
    }
    let mut text = serde_json::to_vec_pretty(&Value::Object(object)).expect("values are JSON");
    text.push(b'\n');
    text
}

fn for_people(
    options: &MetadataOptions,
    found: &ImageAt,
    source: &Source,
    host: &Arc<dyn Host>,
) -> Vec<u8> {
    let image = &found.image;
    let mut text = String::new();
    let (Source::Directory(path) | Source::File(path)) = source;
    text.push_str(&format!("{}\n", path.display()));
    if let Some(offset) = found.offset {
        let epoch = found
            .epoch
            .map_or_else(String::new, |epoch| format!(", epoch {epoch}"));
        let time = found
            .timestamp
            .map_or_else(String::new, |time| format!(", {}", when(time)));
        text.push_str(&format!("  as of   offset {offset}{epoch}{time}\n"));
    }
    if let Some(snapshot) = found.snapshot.as_deref().and_then(Path::file_name) {
        let name = snapshot.to_string_lossy();
        text.push_str(&format!("  from    {name} on\n"));
    }
    if let Some(level) = image.features().get("metadata.version") {
        let release = release_of(*level).unwrap_or("not known here");
        text.push_str(&format!("  release {release} (metadata.version {level})\n"));
    }
    if let Ok(Some(meta)) = read_meta(&**host, &options.site.data)
        && let Some(id) = meta.cluster_id
    {
        text.push_str(&format!("  cluster {id}\n"));
    }
    let nodes = image.nodes();
    if let Some(leader) = nodes.leader {
        let version = nodes.kraft_version.unwrap_or(0);
        text.push_str(&format!(
            "  quorum  leader {leader} (kraft.version {version})\n"
        ));
    }
    text.push_str(&format!(
        "  next    producer id {}\n",
        image.next_producer_id()
    ));
    if let Some(pending) = image.pending() {
        text.push_str(&format!(
            "  pending {pending} records of a metadata transaction without an end\n"
        ));
    }
    let sections = Sections::new(image, options.secrets);
    for section in wanted(options) {
        let table = sections.short(section);
        if table.is_empty() && options.only.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{}: {}\n", title(section), table.len()));
        if !table.is_empty() {
            let rows = String::from_utf8(table.render(DataFormat::Table)).expect("text");
            text.push_str(&rows);
        }
    }
    text.into_bytes()
}

fn print(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))
}
