//! `ottla inspect transactions`: which are open, which of those hang, and what they
//! hold back.

use super::files::{Troubles, skipped_json, tell_skipped};
use super::site::Scope;
use super::time::when_known;
use crate::format::ProducerEpoch;
use crate::host::Host;
use crate::log::data_dir::load_image;
use crate::log::groups;
use crate::log::image::Image;
use crate::log::layout::{METADATA_TOPIC, TopicPartition};
use crate::log::presence::Presence;
use crate::log::sweep::Skipped;
use crate::log::transactions::{Coordinator, Fate, Held, OpenTransaction, held, name};
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::TransactionsOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::numbers::{count, size, span};
use crate::tools::table::{Column, Grid, NOTHING, Table};
use crate::tools::terminal::{self, cut};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

const OPEN: [&str; 16] = [
    "topic",
    "partition",
    "producerId",
    "producerEpoch",
    "transactionalId",
    "state",
    "why",
    "firstOffset",
    "startTimestamp",
    "lastTimestamp",
    "lastStableOffset",
    "logEnd",
    "offsetsBehind",
    "bytesBehind",
    "waitingGroups",
    "markerMayBeLost",
];
const IDS: [&str; 9] = [
    "transactionalId",
    "producerId",
    "producerEpoch",
    "status",
    "timeoutMs",
    "startTimestamp",
    "updateTimestamp",
    "partitions",
    "transactionVersion",
];
const ABORTED: [&str; 6] = [
    "topic",
    "partition",
    "producerId",
    "firstOffset",
    "lastOffset",
    "lastStableOffset",
];

/// Everything that was found.
struct Found {
    coordinator: Coordinator,
    held: Vec<Held>,
    /// Groups that have read up to where a transaction begins.
    waiting: BTreeMap<TopicPartition, Vec<String>>,
}

/// Does what the options say.
pub(super) fn run(options: &TransactionsOptions, host: &Arc<dyn Host>) -> Result<()> {
    let site = &options.site;
    if matches!(site.scope, Scope::File(_)) {
        return Err(ToolError::usage(format!(
            "{site}: expected a data directory, a topic or a partition"
        )));
    }
    let is_live = site.is_data && Presence::is_served(&**host, &site.data);
    if is_live && !options.quiet {
        eprintln!(
            "{} is held by a running server: what is shown may move",
            site.data.display()
        );
    }
    let metadata = site.data.join(format!("{METADATA_TOPIC}-0"));
    let image = load_image(host, &metadata).ok().map(|(image, _)| image);
    let coordinator = Coordinator::read(host, &site.data, image.as_ref())?;
    let held = held(host, &site.partitions(&**host)?, &coordinator, options.all)?;
    let found = Found {
        waiting: waiting(options, host, image.as_ref(), &held),
        coordinator,
        held,
    };
    let text = match options.output {
        DataFormat::Json => {
            let mut text = serde_json::to_vec_pretty(&found.document(options)).expect("JSON");
            text.push(b'\n');
            text
        }
        DataFormat::Table => found.for_people(options, host.now_ms()).into_bytes(),
        rows => found.open().render(rows),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&text)
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))?;
    let mut troubles = Troubles::default();
    let quiet = options.quiet || is_live;
    tell_skipped(found.skipped(), quiet, &mut troubles);
    troubles.outcome(site)
}

/// Groups whose committed offset is where read-committed consumers have to stop.
fn waiting(
    options: &TransactionsOptions,
    host: &Arc<dyn Host>,
    image: Option<&Image>,
    held: &[Held],
) -> BTreeMap<TopicPartition, Vec<String>> {
    let mut waiting: BTreeMap<TopicPartition, Vec<String>> = BTreeMap::new();
    if held.iter().all(|held| held.open.is_empty()) {
        return waiting;
    }
    let Ok(groups) = groups::read(host, &options.site.data, image) else {
        return waiting;
    };
    for (group, found) in &groups.groups {
        for held in held.iter().filter(|held| !held.open.is_empty()) {
            let committed = found.offsets.get(&held.partition);
            if committed.is_some_and(|there| there.offset == held.last_stable.get()) {
                let groups = waiting.entry(held.partition.clone()).or_default();
                groups.push(group.clone());
            }
        }
    }
    waiting
}

/// A value of a row for people.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => cut(text, usize::MAX),
        other => other.to_string(),
    }
}

const fn state(fate: &Fate) -> &'static str {
    match fate {
        Fate::Ongoing => "ongoing",
        Fate::Prepared { commit: true } => "prepareCommit",
        Fate::Prepared { commit: false } => "prepareAbort",
        Fate::Hanging { .. } => "hanging",
        Fate::Unknown => "unknown",
    }
}

impl Found {
    fn open(&self) -> Table {
        let mut table = Table::new(&OPEN);
        for held in &self.held {
            for open in &held.open {
                table.push(self.row(held, open));
            }
        }
        table
    }

    fn row(&self, held: &Held, open: &OpenTransaction) -> Vec<Value> {
        let why = match &open.fate {
            Fate::Hanging { why } => Some(why),
            _ => None,
        };
        let groups = self.waiting.get(&held.partition);
        vec![
            json!(held.partition.topic),
            json!(held.partition.partition),
            json!(open.producer),
            json!(open.epoch),
            json!(open.transactional_id),
            json!(state(&open.fate)),
            json!(why),
            json!(open.first_offset),
            json!(open.started),
            json!(open.last),
            json!(held.last_stable),
            json!(held.end),
            json!(held.end.get() - held.last_stable.get()),
            json!(held.bytes_behind),
            json!(groups.map(Vec::as_slice).unwrap_or_default()),
            json!(open.marker_may_be_lost),
        ]
    }

    /// Transactional ids; those that have nothing open where `all`.
    fn ids(&self, all: bool) -> Table {
        let mut table = Table::new(&IDS);
        for (id, value) in &self.coordinator.transactions {
            let status = name(value.status());
            if !all && !matches!(status, "Ongoing" | "PrepareCommit" | "PrepareAbort") {
                continue;
            }
            let partitions: Vec<String> = value
                .transaction_partitions
                .iter()
                .flatten()
                .flat_map(|part| {
                    let name = |number| format!("{}-{number}", part.topic);
                    part.partition_ids.iter().map(name)
                })
                .collect();
            table.push(vec![
                json!(id),
                json!(value.producer_id),
                json!(value.producer_epoch),
                json!(status),
                json!(value.transaction_timeout_ms),
                json!(value.transaction_start_timestamp_ms),
                json!(value.transaction_last_update_timestamp_ms),
                json!(partitions),
                json!(value.client_transaction_version),
            ]);
        }
        table
    }

    fn aborted(&self) -> Table {
        let mut table = Table::new(&ABORTED);
        for held in &self.held {
            for aborted in &held.aborted {
                table.push(vec![
                    json!(held.partition.topic),
                    json!(held.partition.partition),
                    json!(aborted.producer_id),
                    json!(aborted.first_offset),
                    json!(aborted.last_offset),
                    json!(aborted.last_stable_offset),
                ]);
            }
        }
        table
    }

    fn skipped(&self) -> impl Iterator<Item = &Skipped> {
        let held = self.held.iter().flat_map(|held| &held.skipped);
        self.coordinator.skipped.iter().chain(held)
    }

    fn document(&self, options: &TransactionsOptions) -> Value {
        let lost = self.skipped().filter(|skipped| skipped.is_loss());
        let damage: Vec<Value> = lost
            .map(|it| skipped_json(&options.site.data, it))
            .collect();
        let mut document = json!({
            "coordinatorComplete": self.coordinator.complete,
            "damage": damage,
            "open": self.open().to_json(),
            "transactionalIds": self.ids(options.all).to_json(),
        });
        if options.all {
            document["aborted"] = self.aborted().to_json();
        }
        document
    }

    fn for_people(&self, options: &TransactionsOptions, now: i64) -> String {
        let mut text = String::new();
        for held in &self.held {
            for open in &held.open {
                text.push_str(&self.story(options, held, open, now));
            }
        }
        if text.is_empty() {
            text.push_str("no partition holds a transaction open\n");
        }
        let ids = self.ids(options.all);
        if !ids.is_empty() {
            text.push_str(&format!("\ntransactional ids: {}\n", ids.len()));
            text.push_str(&self.ids_for_people(&ids));
        }
        let aborted: usize = self.held.iter().map(|held| held.aborted.len()).sum();
        if aborted > 0 {
            text.push_str(&format!("\naborted: {aborted}\n"));
            text.push_str(&self.aborted_for_people());
        }
        text
    }

    fn ids_for_people(&self, ids: &Table) -> String {
        let mut grid = Grid::new(&[
            Column::text("TRANSACTIONAL ID", 0),
            Column::number("PRODUCER", 0),
            Column::number("EPOCH", 1),
            Column::text("STATUS", 0),
            Column::text("PARTITIONS", 2),
        ]);
        for row in ids.rows() {
            let partitions = row[7].as_array().map(Vec::as_slice).unwrap_or_default();
            let partitions = match partitions {
                [] => NOTHING.to_owned(),
                [one] => shown(one),
                [first, rest @ ..] => format!("{} +{}", shown(first), rest.len()),
            };
            let cells = [0, 1, 2, 3].map(|at| shown(&row[at]));
            grid.push(cells.into_iter().chain([partitions]).collect());
        }
        grid.render(terminal::width())
    }

    fn aborted_for_people(&self) -> String {
        let mut grid = Grid::new(&[
            Column::text("PARTITION", 0),
            Column::number("PRODUCER", 0),
            Column::number("FIRST", 0),
            Column::number("LAST", 0),
            Column::number("LAST STABLE", 1),
        ]);
        for held in &self.held {
            for aborted in &held.aborted {
                grid.push(vec![
                    held.partition.to_string(),
                    aborted.producer_id.to_string(),
                    aborted.first_offset.to_string(),
                    aborted.last_offset.to_string(),
                    aborted.last_stable_offset.to_string(),
                ]);
            }
        }
        grid.render(terminal::width())
    }

    fn story(
        &self,
        options: &TransactionsOptions,
        held: &Held,
        open: &OpenTransaction,
        now: i64,
    ) -> String {
        let partition = &held.partition;
        let mut text = format!(
            "{partition}: {} since offset {}\n",
            match open.fate {
                Fate::Hanging { .. } => "a transaction hangs",
                Fate::Prepared { commit: true } => "a transaction is about to commit",
                Fate::Prepared { commit: false } => "a transaction is about to abort",
                Fate::Ongoing | Fate::Unknown => "a transaction is open",
            },
            open.first_offset
        );
        let mut line = |label: &str, what: &str| {
            text.push_str(&format!("  {label:<9} {what}\n"));
        };
        let id = open
            .transactional_id
            .as_ref()
            .map_or_else(String::new, |id| format!(", transactional id `{id}`"));
        let epoch = ProducerEpoch::to_wire(open.epoch);
        line("producer", &format!("{} epoch {epoch}{id}", open.producer));
        let ago = open.last.map_or_else(String::new, |last| {
            format!(" ({} ago)", span(now - last.get()))
        });
        line("began", &when_known(open.started));
        line("last seen", &format!("{}{ago}", when_known(open.last)));
        if open.first_offset == held.last_stable {
            let offsets = (held.end.get() - held.last_stable.get()).cast_unsigned();
            line(
                "blocks",
                &format!(
                    "{} and {} up to the end, offset {}",
                    count(offsets, "offset"),
                    size(held.bytes_behind),
                    held.end
                ),
            );
            if let Some(groups) = self.waiting.get(partition) {
                line("waiting", &groups.join(", "));
            }
        }
        match &open.fate {
            Fate::Hanging { why } => {
                line("why", why);
                let place = options.site.data.join(partition.to_string());
                let producer = open.producer;
                let command = format!(
                    "ottla repair {} --abort-transaction {producer}",
                    place.display()
                );
                line("to end it", &command);
            }
            Fate::Ongoing => {
                let values = &self.coordinator.transactions;
                let value = open.transactional_id.as_ref().and_then(|id| values.get(id));
                let (began, timeout) = value.map_or((None, 0), |value| {
                    let timeout = i64::from(value.transaction_timeout_ms);
                    (value.transaction_start_timestamp_ms, timeout)
                });
                if began.is_some_and(|began| now - began.get() > timeout) {
                    let text = format!(
                        "{}, which is over: a running coordinator would abort it",
                        span(timeout)
                    );
                    line("timeout", &text);
                }
            }
            Fate::Unknown => line(
                "why",
                "not all of the coordinator's records are here to tell",
            ),
            Fate::Prepared { .. } => {}
        }
        if open.marker_may_be_lost {
            line(
                "damage",
                "its marker may be in what was passed over: it may have been committed",
            );
        }
        text
    }
}
