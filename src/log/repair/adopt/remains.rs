//! What can still be read of a metadata log: of this node, or of the cluster that
//! the directory came from.
//!
//! Unlike [`super::super::super::data_dir::load_image`] it passes over damage: the
//! batches behind it count again. Of the snapshots the latest that is whole counts;
//! where none is, the latest one as far as it goes, and every record of the log.
//! Everything that a new metadata log has to tell again is kept, not only topics.

use crate::format::batch::{Scratch, UncheckedBatch};
use crate::format::control::ControlRecord;
use crate::format::kraft_control::Endpoint;
use crate::format::metadata::{
    AccessControlEntryRecord, ClientQuotaRecord, ConfigRecord, DelegationTokenRecord,
    MetadataRecord, RegisterBrokerRecord, UserScramCredentialRecord, VersionedRecord,
};
use crate::format::{NodeId, Offset, ProducerId, Uuid};
use crate::host::Host;
use crate::log::error::{LogError, Result};
use crate::log::image::Image;
use crate::log::layout::{Suffix, parse_segment_file};
use crate::log::repair::readable::Readable;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A resource that configs are set on: its type and its name.
pub(super) type Resource = (i8, String);
/// What a quota applies to and which it is.
type Quota = (Vec<(String, Option<String>)>, String);

/// What a metadata log adds up to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remains {
    /// Topics and feature levels.
    pub(super) image: Image,
    /// Configs by resource.
    pub(super) configs: BTreeMap<Resource, BTreeMap<String, String>>,
    /// Brokers that registered and did not leave.
    pub(super) brokers: BTreeMap<NodeId, RegisterBrokerRecord>,
    /// Where the voters of a dynamic quorum listen.
    pub(super) voters: BTreeMap<NodeId, Vec<Endpoint>>,
    /// The first producer id that no broker was given.
    pub(super) next_producer: Option<ProducerId>,
    /// How many records were read.
    pub(crate) records: u64,
    /// How many bytes could not be.
    pub(crate) unread: u64,
    acls: BTreeMap<Uuid, AccessControlEntryRecord>,
    users: BTreeMap<(String, i8), UserScramCredentialRecord>,
    quotas: BTreeMap<Quota, ClientQuotaRecord>,
    tokens: BTreeMap<String, DelegationTokenRecord>,
    /// Records since the begin of a metadata transaction.
    pending: Option<Vec<MetadataRecord>>,
}

impl Remains {
    /// Reads what can be read of the metadata log in `directory`. One that is not
    /// there has no records.
    ///
    /// # Errors
    /// `Io`: what is damaged is passed over, what the system refuses is not.
    pub(crate) fn read(host: &dyn Host, directory: &Path) -> Result<Self> {
        let entries = match host.list(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(LogError::io("list", directory)(error)),
        };
        let (mut snapshots, mut segments) = (Vec::new(), Vec::new());
        for entry in &entries {
            if let Some(offset) = entry.name.to_str().and_then(snapshot_offset) {
                snapshots.push((offset, directory.join(&entry.name)));
            }
            if let Some((base, Suffix::Log)) = parse_segment_file(&entry.name) {
                segments.push((base, directory.join(&entry.name)));
            }
        }
        snapshots.sort();
        segments.sort();
        let (mut remains, from) = Self::of_snapshots(host, &snapshots)?;
        for (_, path) in &segments {
            remains.take_file(host, path, from)?;
        }
        remains.pending = None;
        Ok(remains)
    }

    /// The state of the latest snapshot that is whole, and the offset up to where it
    /// tells all; else of the latest one as far as it goes.
    fn of_snapshots(host: &dyn Host, snapshots: &[(Offset, PathBuf)]) -> Result<(Self, Offset)> {
        let mut partly = None;
        for (offset, path) in snapshots.iter().rev() {
            let mut remains = Self::default();
            let is_whole = remains.take_file(host, path, Offset::ZERO)?;
            remains.pending = None;
            if is_whole && remains.unread == 0 {
                return Ok((remains, *offset));
            }
            partly.get_or_insert(remains);
        }
        Ok((partly.unwrap_or_default(), Offset::ZERO))
    }

    /// Takes the records of a file from an offset on; whether the last one is the
    /// footer of a snapshot.
    fn take_file(&mut self, host: &dyn Host, path: &Path, from: Offset) -> Result<bool> {
        let mut readable = Readable::open(host, path)?;
        let mut scratch = Scratch::new();
        let mut ended = false;
        while let Some(piece) = readable.next()? {
            if piece.skipped > 0 {
                // What a transaction lacks of its records cannot be told.
                self.pending = None;
            }
            ended = piece.magic == 2 && self.take_batch(piece.bytes, from, &mut scratch);
        }
        self.unread += readable.unread();
        Ok(ended)
    }

    /// Takes a batch; whether it ends a snapshot.
    fn take_batch(&mut self, bytes: &[u8], from: Offset, scratch: &mut Scratch) -> bool {
        let mut has_footer = false;
        let batch = UncheckedBatch::parse(bytes).and_then(UncheckedBatch::check);
        let Ok(batch) = batch else { return false };
        let is_control = batch.header().attributes.is_control();
        let Ok(records) = batch.records(scratch) else {
            return false;
        };
        for record in records {
            let Ok(record) = record else { break };
            if is_control {
                match ControlRecord::decode(record.key, record.value) {
                    Ok(ControlRecord::SnapshotFooter(_)) => has_footer = true,
                    Ok(ControlRecord::Voters(found)) => {
                        let voters = found.voters.into_iter();
                        self.voters = voters.map(|voter| (voter.id, voter.endpoints)).collect();
                    }
                    Ok(ControlRecord::LeaderChange(change)) => {
                        let voters = change.voters.iter().map(|voter| voter.id);
                        self.image.set_voters(voters);
                    }
                    _ => {}
                }
            } else if record.offset >= from
                && let Some(value) = record.value
                && let Ok(decoded) = VersionedRecord::decode(value)
            {
                self.apply(decoded.record);
            }
        }
        has_footer
    }

    /// Takes the next record.
    pub(super) fn apply(&mut self, record: MetadataRecord) {
        self.records += 1;
        match record {
            MetadataRecord::BeginTransaction(_) => self.pending = Some(Vec::new()),
            MetadataRecord::AbortTransaction(_) => self.pending = None,
            MetadataRecord::EndTransaction(_) => {
                for record in self.pending.take().unwrap_or_default() {
                    self.apply_now(record);
                }
            }
            record => match &mut self.pending {
                Some(pending) => pending.push(record),
                None => self.apply_now(record),
            },
        }
    }

    fn apply_now(&mut self, record: MetadataRecord) {
        match &record {
            MetadataRecord::Config(config) => self.set_config(config),
            MetadataRecord::RemoveTopic(removed) => {
                let gone = self.image.topics().iter();
                let gone = gone.filter(|(_, topic)| topic.id == removed.topic_id);
                for (name, _) in gone {
                    let resource = (crate::log::image::TOPIC_RESOURCE, name.clone());
                    self.configs.remove(&resource);
                }
            }
            MetadataRecord::AccessControlEntry(acl) => {
                self.acls.insert(acl.id, acl.clone());
            }
            MetadataRecord::RemoveAccessControlEntry(removed) => {
                self.acls.remove(&removed.id);
            }
            MetadataRecord::UserScramCredential(user) => {
                let key = (user.name.clone(), user.mechanism);
                self.users.insert(key, user.clone());
            }
            MetadataRecord::RemoveUserScramCredential(removed) => {
                self.users
                    .remove(&(removed.name.clone(), removed.mechanism));
            }
            MetadataRecord::ClientQuota(quota) => {
                let entity = quota.entity.iter();
                let entity =
                    entity.map(|part| (part.entity_type.clone(), part.entity_name.clone()));
                let key = (entity.collect(), quota.key.clone());
                if quota.remove {
                    self.quotas.remove(&key);
                } else {
                    self.quotas.insert(key, quota.clone());
                }
            }
            MetadataRecord::DelegationToken(token) => {
                self.tokens.insert(token.token_id.clone(), token.clone());
            }
            MetadataRecord::RemoveDelegationToken(removed) => {
                self.tokens.remove(&removed.token_id);
            }
            MetadataRecord::RegisterBroker(broker) => {
                self.brokers.insert(broker.broker_id, broker.clone());
            }
            MetadataRecord::UnregisterBroker(gone) => {
                self.brokers.remove(&gone.broker_id);
            }
            MetadataRecord::ProducerIds(ids) => self.next_producer = Some(ids.next_producer_id),
            _ => {}
        }
        self.image.apply(record);
    }

    fn set_config(&mut self, config: &ConfigRecord) {
        let resource = (config.resource_type, config.resource_name.clone());
        let configs = self.configs.entry(resource).or_default();
        match &config.value {
            Some(value) => configs.insert(config.name.clone(), value.clone()),
            None => configs.remove(&config.name),
        };
    }

    /// Who may do what: ACLs, credentials, quotas and tokens, for a new log.
    pub(super) fn security_records(&self) -> Vec<MetadataRecord> {
        let acls = self.acls.values().cloned();
        let users = self.users.values().cloned();
        let quotas = self.quotas.values().cloned();
        let tokens = self.tokens.values().cloned();
        acls.map(MetadataRecord::AccessControlEntry)
            .chain(users.map(MetadataRecord::UserScramCredential))
            .chain(quotas.map(MetadataRecord::ClientQuota))
            .chain(tokens.map(MetadataRecord::DelegationToken))
            .collect()
    }
}

/// The offset of a snapshot by its name.
fn snapshot_offset(name: &str) -> Option<Offset> {
    let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    let right = offset.len() == 20 && epoch.len() == 10;
    right.then(|| offset.parse().ok().map(Offset::new))?
}
