//! ACLs, SCRAM credentials, delegation tokens and client quotas.

use crate::format::Uuid;
use crate::format::metadata::{
    AccessControlEntryRecord, ClientQuotaRecord, DelegationTokenRecord, UserScramCredentialRecord,
};
use std::collections::BTreeMap;

/// What a quota applies to: `user`, `client-id` or `ip` with a name, or `None` for
/// the default.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

/// Who may do what, who is who, and how much of it.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// ACLs by id.
    pub acls: BTreeMap<Uuid, AccessControlEntryRecord>,
    /// Credentials by user and mechanism (1 SCRAM-SHA-256, 2 SCRAM-SHA-512).
    pub scram: BTreeMap<(String, i8), UserScramCredentialRecord>,
    /// Delegation tokens by id.
    pub tokens: BTreeMap<String, DelegationTokenRecord>,
    /// Quotas by whom they apply to, and by name, such as `producer_byte_rate`.
    pub quotas: BTreeMap<QuotaEntity, BTreeMap<String, f64>>,
}

impl Security {
    pub(super) fn quota(&mut self, record: ClientQuotaRecord) {
        let entity: QuotaEntity = record
            .entity
            .into_iter()
            .map(|part| (part.entity_type, part.entity_name))
            .collect();
        let quotas = self.quotas.entry(entity.clone()).or_default();
        if record.remove {
            quotas.remove(&record.key);
        } else {
            quotas.insert(record.key, record.value);
        }
        if quotas.is_empty() {
            self.quotas.remove(&entity);
        }
    }
}
