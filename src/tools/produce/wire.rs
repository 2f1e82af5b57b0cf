//! `produce` to a server: the batches are those that a directory would get, but
//! larger, and with the producer id and sequence numbers that keep a batch that is
//! sent twice from being written twice.

use super::sink::{Sealed, Sink, Target};
use super::{Plan, Usual, read, report};
use crate::client::admin::{self, NewTopic};
use crate::client::cluster::Topic;
use crate::client::producer::{Acks, Producer, Settings, Written};
use crate::client::transaction::{Transaction, is_fenced};
use crate::client::{ClientError, Cluster};
use crate::format::batch::{PREFIX_SIZE, Prefix, sequence_after};
use crate::format::topic_config::TopicConfig;
use crate::host::Host;
use crate::log::transaction;
use crate::protocol::ErrorCode;
use crate::tools::args::produce::{ProduceOptions, Transaction as Chosen};
use crate::tools::error::{Result, ToolError};
use crate::tools::interrupt::Interrupt;
use crate::tools::numbers::count;
use crate::tools::progress::Progress;
use crate::tools::server::Server;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs the tool.
pub(super) fn run(options: &ProduceOptions, server: &Server, host: &Arc<dyn Host>) -> Result<()> {
    let interrupt = Interrupt::register()?;
    let name = server.topic()?;
    let settings = server.producer()?;
    if options.transaction.is_some() && (settings.acks != Acks::All || !settings.idempotent) {
        return Err(ToolError::usage(
            "a transaction needs acks=all and enable.idempotence=true",
        ));
    }
    let mut cluster = server.connect(host)?;
    let topic = prepare_topic(&mut cluster, options, name)?;
    let config = config(&mut cluster, name)?;
    let partitions = topic.partitions.len();
    let mut plan = Plan::new(
        options,
        &**host,
        name,
        &config,
        partitions,
        Usual::ON_THE_WIRE,
    );
    // The server says when, and compares times with its own clock.
    plan.append_time = false;
    let transaction = begin(options, &cluster, &settings, &**host)?;
    let progress = Progress::start(host, options.quiet);
    let writer = transaction.as_ref().map(Transaction::writer);
    let wire = Wire {
        producer: Producer::start(cluster, name, topic, settings, writer)?,
        transaction,
        topic: name.to_owned(),
        host: Arc::clone(host),
        sequences: BTreeMap::new(),
    };
    let sink = Sink::new(wire, progress);
    read(options, &plan, None, &interrupt, &sink);
    let (wire, mut progress, outcome) = sink.finish();
    progress.finish();
    let Some(transaction) = wire.transaction else {
        let outcome = outcome.map_err(|error| tell_unsure(error, &wire.producer, &progress));
        report(options, &progress, outcome.is_ok(), false);
        return outcome;
    };
    // What is still on its way must not come behind the marker.
    drop(wire.producer);
    let ended = end(transaction, outcome.is_ok(), &interrupt);
    let went_well = outcome.is_ok() && ended.is_ok();
    let was_aborted = outcome.is_err() && ended.is_ok();
    report(options, &progress, went_well, was_aborted);
    outcome.and(ended)
}

/// Says of how many records it is not known whether they were written.
fn tell_unsure(error: ToolError, producer: &Producer, progress: &Progress) -> ToolError {
    let written = producer.written();
    let unsure = progress.records() - written.records;
    if unsure == 0 {
        return error;
    }
    error.hint(format!(
        "{} of the input were written for certain; {} behind them may or may not be there",
        count(written.records, "record"),
        count(unsure, "record")
    ))
}

/// Takes the transactional id over, where the run is a transaction.
fn begin(
    options: &ProduceOptions,
    cluster: &Cluster,
    settings: &Settings,
    host: &dyn Host,
) -> Result<Option<Transaction>> {
    let id = match &options.transaction {
        None => return Ok(None),
        Some(Chosen::Id(id)) => id.clone(),
        Some(Chosen::Anonymous) => transaction::anonymous_id(host),
    };
    let timeout = settings.transaction_timeout;
    let begun = Transaction::start(cluster.another(), &id, timeout);
    begun.map(Some).map_err(|error| {
        let too_long = error.code() == Some(ErrorCode::InvalidTransactionTimeout);
        let error = ToolError::from(error);
        match too_long {
            true => error.hint(
                "-X transaction.timeout.ms=N: at most the server's transaction.max.timeout.ms",
            ),
            false => error,
        }
    })
}

/// Commits where all went well, aborts where it did not.
fn end(mut transaction: Transaction, went_well: bool, interrupt: &Interrupt) -> Result<()> {
    // An interrupted run is no whole run.
    let commit = went_well && !interrupt.is_set();
    transaction.end(commit).map_err(|error| {
        if is_fenced(&error) {
            return tell_fenced(error);
        }
        ToolError::from(error).hint(match commit {
            true => "whether the transaction was committed is not known: all of it became visible, or nothing",
            false => "the server aborts the transaction after transaction.timeout.ms",
        })
    })?;
    if went_well && !commit {
        return Err(ToolError::failed(
            "interrupted: the transaction was aborted",
        ));
    }
    Ok(())
}

/// Says what it means that another has the transactional id.
fn tell_fenced(error: ClientError) -> ToolError {
    let fenced = is_fenced(&error);
    let error = ToolError::from(error);
    match fenced {
        true => error.hint(
            "another run has taken the transactional id over: nothing of this one became visible",
        ),
        false => error,
    }
}

/// The topic, created where that is wanted.
fn prepare_topic(cluster: &mut Cluster, options: &ProduceOptions, name: &str) -> Result<Topic> {
    let topic = match cluster.topic(name)? {
        Some(topic) => topic,
        None => {
            let Some(partitions) = options.create_partitions else {
                return Err(cluster.unknown_topic(name).into());
            };
            let partitions = options
                .partition
                .map_or(partitions, |p| partitions.max(p.get() + 1));
            let new = NewTopic {
                name,
                partitions,
                configs: &[],
            };
            match admin::create_topic(cluster, &new) {
                // Another producer was quicker.
                Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
                other => other?,
            }
            admin::await_topic(cluster, name)?
        }
    };
    if let Some(partition) = options.partition
        && !topic.partitions.contains_key(&partition.get())
    {
        return Err(ClientError::UnknownPartition {
            topic: name.to_owned(),
            partition: partition.get(),
            count: topic.partitions.len(),
        }
        .into());
    }
    Ok(topic)
}

/// The topic's configs; Kafka's defaults where the server keeps them to itself.
fn config(cluster: &mut Cluster, name: &str) -> Result<TopicConfig> {
    let all = match admin::topic_configs(cluster, &[name]) {
        Ok(mut all) => all.remove(name).unwrap_or_default(),
        Err(ClientError::Refused { .. } | ClientError::Unsupported { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    // What this version does not know does not concern what is sent.
    let set = all.iter().filter_map(|config| {
        let value = config.value.as_deref()?;
        let ours = !config.name.starts_with("remote.") && !config.name.starts_with("local.");
        let known = crate::format::topic_config::key(&config.name).is_some();
        (ours && known).then_some((config.name.as_str(), value))
    });
    TopicConfig::new(set).map_err(|error| ToolError::failed(error.to_string()))
}

/// The partitions behind a server.
struct Wire {
    producer: Producer,
    transaction: Option<Transaction>,
    topic: String,
    host: Arc<dyn Host>,
    /// Of each partition's next record.
    sequences: BTreeMap<i32, i32>,
}

impl Target for Wire {
    fn append(&mut self, _: u64, sealed: &mut Sealed<'_>) -> Result<()> {
        let now = self.host.monotonic();
        if let Some(transaction) = &mut self.transaction {
            let added = transaction.add(&self.topic, sealed.partition);
            added.map_err(tell_fenced)?;
        }
        let mut rest = &mut sealed.batches[..];
        let mut left = Written {
            records: sealed.records,
            payload: sealed.payload,
        };
        while rest.len() >= PREFIX_SIZE {
            let size = Prefix::parse(rest)?.size;
            let (batch, behind) = rest.split_at_mut(size);
            rest = behind;
            let sequence = self.sequences.entry(sealed.partition).or_default();
            let header = self.producer.number(batch, *sequence)?;
            let span = header.last_offset.get() - header.base_offset.get() + 1;
            *sequence = sequence_after(*sequence, span);
            // The last batch answers for what is left.
            let what = Written {
                records: (header.record_count as u64).min(left.records),
                payload: if rest.is_empty() { left.payload } else { 0 },
            };
            left.records -= what.records;
            self.producer
                .send(sealed.partition, batch.to_vec(), what, now)
                .map_err(tell_fenced)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.producer.flush().map_err(tell_fenced)
    }
}
