//! `ottla inspect LOCATION`: what is there, in numbers; from a data directory down to
//! a segment.

mod numbers;
mod print;

use super::site::{Scope, Site};
use super::{index, snapshot};
use crate::format::Offset;
use crate::format::meta_properties::MetaProperties;
use crate::host::Host;
use crate::log::data_dir::{load_image, read_checkpoint};
use crate::log::image::release_of;
use crate::log::layout::{
    HIGH_WATERMARKS, LOG_STARTS, META_PROPERTIES, METADATA_TOPIC, RECOVERY_POINTS, Suffix,
    TopicPartition, parse_segment_file,
};
use crate::log::presence::is_directory;
use crate::log::survey::{Effort, Survey};
use crate::log::verify::Surroundings;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::{LookOptions, SummaryOptions};
use crate::tools::error::{Result, ToolError};
use numbers::Numbers;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Up to so many bytes of logs every header is read.
const AFFORDABLE: u64 = 256 << 20;
/// Stored bytes of a partition that are decompressed where not everything is read.
const UNPACKED: u64 = 1 << 20;
/// The most bytes of `meta.properties`.
const MOST_PROPERTIES: u64 = 1 << 20;

/// Everything that was found out.
struct Found {
    site: Site,
    around: Surroundings,
    meta: Option<MetaProperties>,
    surveys: Vec<Survey>,
    /// The segment, where one file was named.
    segment: Option<Offset>,
    problems: Vec<String>,
}

/// Does what the options say.
pub(super) fn run(options: &SummaryOptions, host: &Arc<dyn Host>) -> Result<()> {
    let SummaryOptions { look, exact } = options;
    let site = &look.site;
    let mut segment = None;
    let mut partitions = site.partitions(&**host)?;
    if let Scope::File(path) = &site.scope {
        let name = path.file_name().unwrap_or_default();
        match parse_segment_file(name) {
            Some((base, Suffix::Log)) => {
                segment = Some(base);
                partitions = vec![partition_of(path)];
            }
            Some((_, Suffix::Snapshot)) => return snapshot::show(look, None, host),
            Some(_) => return index::show(look, None, host),
            None if path.extension().is_some_and(|it| it == "checkpoint") => {
                return snapshot::show(look, None, host);
            }
            None => {
                return Err(ToolError::usage(format!(
                    "{site}: expected a file of a segment or a snapshot"
                )));
            }
        }
    }
    let mut problems = Vec::new();
    let around = Surroundings::read(host, &site.data, site.is_data);
    let meta = about(&around, host, &mut problems);
    let surveys = survey(host, &around, partitions, *exact);
    for survey in &surveys {
        problems.extend(survey.problems.iter().cloned());
    }
    let found = Found {
        site: site.clone(),
        around,
        meta,
        surveys,
        segment,
        problems,
    };
    found.print(look)
}

fn partition_of(path: &Path) -> (TopicPartition, PathBuf) {
    let directory = path.parent().unwrap_or(Path::new("."));
    let name = directory
        .file_name()
        .and_then(|name| TopicPartition::from_directory(name.to_str()?))
        .unwrap_or_else(|| TopicPartition::new("", 0));
    (name, directory.to_owned())
}

/// Who the directory belongs to; and what of its own files cannot be read.
fn about(
    around: &Surroundings,
    host: &Arc<dyn Host>,
    problems: &mut Vec<String>,
) -> Option<MetaProperties> {
    if !around.is_data {
        return None;
    }
    let metadata = around.data.join(format!("{METADATA_TOPIC}-0"));
    if around.image.is_none()
        && is_directory(&**host, &metadata)
        && let Err(error) = load_image(host, &metadata)
    {
        problems.push(error.to_string());
    }
    for name in [RECOVERY_POINTS, HIGH_WATERMARKS, LOG_STARTS] {
        let path = around.data.join(name);
        if host.stat(&path).is_ok()
            && let Err(error) = read_checkpoint(&**host, &path)
        {
            problems.push(error.to_string());
        }
    }
    let path = around.data.join(META_PROPERTIES);
    let bytes = host
        .read(&path, MOST_PROPERTIES)
        .map_err(|error| error.to_string());
    let parsed = bytes.and_then(|it| MetaProperties::parse(&it).map_err(|error| error.to_string()));
    parsed
        .map_err(|error| problems.push(format!("{}: {error}", path.display())))
        .ok()
}

/// Looks at partitions, on all cores.
fn survey(
    host: &Arc<dyn Host>,
    around: &Surroundings,
    partitions: Vec<(TopicPartition, PathBuf)>,
    exact: bool,
) -> Vec<Survey> {
    let whole = exact || bytes(&partitions, &**host) <= AFFORDABLE;
    let effort = Effort {
        whole,
        unpack: if whole { u64::MAX } else { UNPACKED },
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(partitions.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(partitions.len()) {
            scope.spawn(|| {
                while let Some((name, directory)) =
                    partitions.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let survey = Survey::read(host, around, name.clone(), directory, effort);
                    let mut found = found
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner());
                    found.push(survey);
                }
            });
        }
    });
    let mut found = found
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Bytes of the logs; adds up no further than what is affordable.
fn bytes(partitions: &[(TopicPartition, PathBuf)], host: &dyn Host) -> u64 {
    let mut sum = 0;
    for (_, directory) in partitions {
        for entry in host.list(directory).unwrap_or_default() {
            if matches!(parse_segment_file(&entry.name), Some((_, Suffix::Log))) {
                sum += host
                    .stat(&directory.join(&entry.name))
                    .map_or(0, |it| it.length);
            }
            if sum > AFFORDABLE {
                return sum;
            }
        }
    }
    sum
}

impl Found {
    fn print(&self, look: &LookOptions) -> Result<()> {
        let text = match look.output {
            DataFormat::Json => {
                let mut text = serde_json::to_string_pretty(&self.to_json()).expect("it is JSON");
                text.push('\n');
                text.into_bytes()
            }
            DataFormat::Table => self.for_people(look.quiet).into_bytes(),
            format => self.separated(format),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(&text)
            .and_then(|()| out.flush())
            .map_err(|error| ToolError::stdout(&error))?;
        for problem in &self.problems {
            let _ = writeln!(std::io::stderr(), "ottla-inspect: {problem}");
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        let site = &self.site;
        Err(
            ToolError::damage(format!("{site}: not all of it can be read")).hint(format!(
                "`ottla inspect verify {site}` checks everything; `ottla repair {site}` says what can be saved"
            )),
        )
    }

    fn kind(&self) -> &'static str {
        match (&self.site.scope, self.segment) {
            (_, Some(_)) => "segment",
            (Scope::Data, _) => "data",
            (Scope::Topic(_), _) => "topic",
            _ => "partition",
        }
    }

    /// The topics in order, each with its partitions.
    fn topics(&self) -> Vec<(&str, Vec<&Survey>)> {
        let mut topics: Vec<(&str, Vec<&Survey>)> = Vec::new();
        for survey in &self.surveys {
            match topics.last_mut() {
                Some((topic, surveys)) if *topic == survey.name.topic => surveys.push(survey),
                _ => topics.push((&survey.name.topic, vec![survey])),
            }
        }
        topics
    }

    fn to_json(&self) -> Value {
        let mut document = json!({
            "location": self.site.to_string(),
            "kind": self.kind(),
            "live": self.around.live,
        });
        if self.around.is_data && self.kind() == "data" {
            self.directory_json(&mut document);
        }
        match self.kind() {
            "data" => {
                let topics = self.topics();
                let topics = topics.iter().map(|(topic, surveys)| {
                    let mut json = json!({ "topic": topic, "topicId": self.topic_id(topic) });
                    json["partitions"] = json!(surveys.len());
                    numbers::extend(&mut json, Numbers::of_topic(surveys).to_json());
                    json
                });
                document["topics"] = topics.collect();
            }
            "topic" => {
                let topic = self.surveys.first().map_or("", |it| &it.name.topic);
                document["topic"] = json!(topic);
                document["topicId"] = json!(self.topic_id(topic));
                let partitions = self.surveys.iter().map(Numbers::of_partition);
                document["partitions"] = partitions.map(|it| it.to_json()).collect();
            }
            _ => {
                for survey in &self.surveys {
                    self.partition_json(survey, &mut document);
                }
            }
        }
        document["problems"] = json!(self.problems);
        document
    }

    fn directory_json(&self, document: &mut Value) {
        let meta = self.meta.as_ref();
        let image = self.around.image.as_ref();
        let level = self.metadata_version();
        document["clean"] = json!(self.around.clean);
        document["clusterId"] = json!(meta.and_then(|it| it.cluster_id.as_ref()));
        document["nodeId"] = json!(meta.and_then(|it| it.node_id));
        document["directoryId"] = json!(meta.and_then(|it| it.directory_id));
        document["metadataVersion"] = json!(level);
        document["release"] = json!(level.and_then(release_of));
        document["features"] = json!(image.map(|image| image.features()));
    }

    fn partition_json(&self, survey: &Survey, document: &mut Value) {
        match self.segment {
            None => {
                numbers::extend(document, Numbers::of_partition(survey).to_json());
                let segments = Numbers::of_segments(survey);
                document["files"] = segments.iter().map(Numbers::to_json).collect();
            }
            Some(base) => {
                document["topic"] = json!(survey.name.topic);
                document["partition"] = json!(survey.name.partition);
                let mut segments = Numbers::of_segments(survey).into_iter();
                if let Some(segment) = segments.find(|it| it.base == Some(base)) {
                    numbers::extend(document, segment.to_json());
                }
            }
        }
    }

    fn topic_id(&self, topic: &str) -> Option<String> {
        let image = self.around.image.as_ref()?;
        image.topic(topic).map(|topic| topic.id.to_string())
    }

    fn metadata_version(&self) -> Option<i16> {
        let image = self.around.image.as_ref()?;
        image.features().get("metadata.version").copied()
    }
}
