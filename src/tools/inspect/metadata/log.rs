//! The metadata log record by record.

use super::super::files::{Troubles, tell_skipped};
use super::super::time::when_known;
use super::sections::is_secret;
use crate::format::Offset;
use crate::format::control::ControlRecord;
use crate::host::Host;
use crate::log::metadata_log::{Entry, Read, Said, Source, every_record};
use crate::log::presence::Presence;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::MetadataOptions;
use crate::tools::csv_rows::write_field;
use crate::tools::error::{Result, ToolError};
use serde_json::{Value, json};
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;

const NAMES: [&str; 6] = ["offset", "epoch", "timestamp", "type", "version", "data"];
/// Stands for what is not shown.
const HIDDEN: &str = "[hidden]";

pub(super) fn print(
    options: &MetadataOptions,
    host: &Arc<dyn Host>,
    source: &Source,
    from: Offset,
) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    heading(options.output, &mut line);
    let mut failed = out.write_all(&line).err();
    let is_live = options.site.is_data && Presence::is_served(&**host, &options.site.data);
    let mut troubles = Troubles::default();
    every_record(host, source, from, &mut |read| {
        if failed.is_some() {
            return ControlFlow::Break(());
        }
        match read {
            Read::Record(entry) if options.at.is_some_and(|at| entry.offset > at) => {
                return ControlFlow::Break(());
            }
            Read::Record(entry) => {
                line.clear();
                write_line(options, entry, &mut line);
                failed = out.write_all(&line).err();
            }
            Read::Skipped(skipped) => {
                failed = out.flush().err();
                let quiet = options.quiet || is_live;
                tell_skipped(std::iter::once(&skipped), quiet, &mut troubles);
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed.or_else(|| out.flush().err()) {
        return Err(ToolError::stdout(&error));
    }
    troubles.outcome(&options.site)
}

fn heading(output: DataFormat, line: &mut Vec<u8>) {
    let separator = match output {
        DataFormat::Csv => ",",
        DataFormat::Tsv => "\t",
        _ => return,
    };
    line.extend_from_slice(NAMES.join(separator).as_bytes());
    line.push(b'\n');
}

fn write_line(options: &MetadataOptions, entry: &Entry<'_>, line: &mut Vec<u8>) {
    let (name, version, mut data) = shown(&entry.said);
    if !options.secrets {
        hide(&name, &mut data);
    }
    match options.output {
        DataFormat::Table => {
            let epoch = entry
                .epoch
                .map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
            let time = when_known(entry.timestamp);
            let version = version.map_or_else(String::new, |version| format!(" v{version}"));
            let text = format!(
                "{:>8} {epoch:>3} {time} {name}{version}\n         {data}\n",
                entry.offset.get()
            );
            line.extend_from_slice(text.as_bytes());
            return;
        }
        DataFormat::Json => {
            let object = json!({
                "offset": entry.offset,
                "epoch": entry.epoch,
                "timestamp": entry.timestamp,
                "type": name,
                "version": version,
                "data": data,
            });
            line.extend_from_slice(object.to_string().as_bytes());
        }
        DataFormat::Csv | DataFormat::Tsv => {
            let fields = [
                json!(entry.offset),
                json!(entry.epoch),
                json!(entry.timestamp),
                json!(version),
            ]
            .map(|value| {
                if value.is_null() {
                    String::new()
                } else {
                    value.to_string()
                }
            });
            let [offset, epoch, time, version] = fields;
            let data = data.to_string();
            for (at, field) in [&offset, &epoch, &time, &name, &version, &data]
                .into_iter()
                .enumerate()
            {
                match options.output {
                    DataFormat::Tsv => {
                        line.extend_from_slice(if at > 0 { b"\t" } else { b"" });
                        line.extend_from_slice(field.as_bytes());
                    }
                    _ => {
                        line.extend_from_slice(if at > 0 { b"," } else { b"" });
                        write_field(line, (!field.is_empty()).then_some(field.as_bytes()));
                    }
                }
            }
        }
    }
    line.push(b'\n');
}

/// The type, its version and what it says.
fn shown(said: &Said<'_>) -> (String, Option<i64>, Value) {
    match said {
        Said::Control(record) => {
            let mut data = record.to_json();
            let version = match record {
                ControlRecord::Unknown { .. } => None,
                _ => data
                    .as_object_mut()
                    .and_then(|object| object.shift_remove("version"))
                    .and_then(|version| version.as_i64()),
            };
            (record.type_name().to_owned(), version, data)
        }
        Said::Record(record) => {
            let mut json = record.to_json();
            let name = match &json["apiKey"] {
                Value::Null => record.record.type_name().to_owned(),
                key => format!("UNKNOWN_{key}"),
            };
            (name, Some(record.version.into()), json["data"].take())
        }
    }
}

/// Puts a mark where a password or a key stands.
fn hide(name: &str, data: &mut Value) {
    match name {
        "USER_SCRAM_CREDENTIAL_RECORD" => {
            for field in ["salt", "storedKey", "serverKey"] {
                data[field] = json!(HIDDEN);
            }
        }
        "CONFIG_RECORD"
            if data["name"].as_str().is_some_and(is_secret) && !data["value"].is_null() =>
        {
            data["value"] = json!(HIDDEN);
        }
        _ => {}
    }
}
