//! `DescribeClientQuotas`, `AlterClientQuotas`: kept in the metadata log, so that they
//! are there when Kafka starts on the directory.
//!
//! Source: `org.apache.kafka.controller.ClientQuotaControlManager`,
//! `org.apache.kafka.image.ClientQuotasImage` of Apache Kafka 4.3.1; KIP-546.

use super::Call;
use crate::broker::error_code;
use crate::format::metadata::{ClientQuotaRecord, MetadataRecord, QuotaEntity as RecordEntity};
use crate::log::image::{Image, QuotaEntity};
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, RequestEntryData, ResponseEntityData,
    ResponseEntryData,
};
use crate::protocol::messages::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse, EntityData,
    EntryData, ValueData,
};
use std::collections::{BTreeMap, BTreeSet};

const USER: &str = "user";
const CLIENT: &str = "client-id";
const IP: &str = "ip";

/// How a component is matched.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

/// The quotas of users and clients, and whether they are whole numbers.
const OF_CLIENTS: [(&str, bool); 4] = [
    ("producer_byte_rate", true),
    ("consumer_byte_rate", true),
    ("request_percentage", false),
    ("controller_mutation_rate", false),
];
const OF_ADDRESSES: [(&str, bool); 1] = [("connection_creation_rate", true)];

type Refused = (ErrorCode, String);

fn invalid(message: impl Into<String>) -> Refused {
    (ErrorCode::InvalidRequest, message.into())
}

pub(super) fn describe(
    call: &Call<'_>,
    request: DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    let filter = match filter(&request.components) {
        Ok(filter) => filter,
        Err((code, message)) => {
            return DescribeClientQuotasResponse {
                error_code: code.code(),
                error_message: Some(message),
                entries: None,
                ..DescribeClientQuotasResponse::default()
            };
        }
    };
    let image = call.broker.image();
    let quotas = image.security().quotas.iter();
    let entries = quotas
        .filter(|(entity, _)| {
            (!request.strict || entity.len() == filter.len())
                && filter.iter().all(|(kind, wanted)| {
                    entity
                        .get(*kind)
                        .is_some_and(|name| wanted.is_none_or(|wanted| wanted == name.as_deref()))
                })
        })
        .map(|(entity, values)| EntryData {
            entity: entity
                .iter()
                .map(|(kind, name)| EntityData {
                    entity_type: kind.clone(),
                    entity_name: name.clone(),
                    ..EntityData::default()
                })
                .collect(),
            values: values
                .iter()
                .map(|(key, value)| ValueData {
                    key: key.clone(),
                    value: *value,
                    ..ValueData::default()
                })
                .collect(),
            ..EntryData::default()
        });
    DescribeClientQuotasResponse {
        error_message: None,
        entries: Some(entries.collect()),
        ..DescribeClientQuotasResponse::default()
    }
}

/// Which entities are asked for: each kind with its name, `Some(None)` for the default,
/// or `None` for any.
type Filter<'a> = BTreeMap<&'a str, Option<Option<&'a str>>>;

fn filter(components: &[ComponentData]) -> Result<Filter<'_>, Refused> {
    let mut filter = Filter::new();
    for component in components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return Err(invalid("a type of entity is empty"));
        }
        if ![USER, CLIENT, IP].contains(&kind) {
            let message = format!("there is no type of entity {kind:?}");
            return Err((ErrorCode::UnsupportedVersion, message));
        }
        let name = component.r#match.as_deref();
        let wanted = match (component.match_type, name) {
            (EXACT, Some(name)) => Some(Some(name)),
            (DEFAULT, None) => Some(None),
            (SPECIFIED, None) => None,
            (EXACT | DEFAULT | SPECIFIED, _) => {
                return Err(invalid(
                    "expected a name with an exact match, and with no other",
                ));
            }
            (other, _) => return Err(invalid(format!("there is no type of match {other}"))),
        };
        if filter.insert(kind, wanted).is_some() {
            return Err(invalid(format!("{kind} is named more than once")));
        }
    }
    if filter.len() > 1 && filter.contains_key(IP) {
        return Err(invalid("an address goes with no user or client"));
    }
    Ok(filter)
}

pub(super) fn alter(
    call: &Call<'_>,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    let image = call.broker.image();
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    let mut outcomes = Vec::new();
    for entry in request.entries {
        let outcome = changes(&image, &entry).and_then(|(entity, made)| {
            if !seen.insert(entity) {
                return Err(invalid("an entity is named more than once"));
            }
            records.extend(made);
            Ok(())
        });
        outcomes.push((entry.entity, outcome));
    }
    let stored = match records.is_empty() || request.validate_only {
        true => Ok(()),
        false => (call.broker).change(|session| session.change(|_| Ok(records))),
    };
    let entries = outcomes.into_iter().map(|(entity, outcome)| {
        let (code, error_message) = match (outcome, &stored) {
            (Err((code, message)), _) => (code, Some(message)),
            (Ok(()), Err(error)) => (error_code(error), Some(error.to_string())),
            (Ok(()), Ok(())) => (ErrorCode::None, None),
        };
        ResponseEntryData {
            error_code: code.code(),
            error_message,
            entity: entity
                .into_iter()
                .map(|part| ResponseEntityData {
                    entity_type: part.entity_type,
                    entity_name: part.entity_name,
                    ..ResponseEntityData::default()
                })
                .collect(),
            ..ResponseEntryData::default()
        }
    });
    AlterClientQuotasResponse {
        entries: entries.collect(),
        ..AlterClientQuotasResponse::default()
    }
}

fn changes(
    image: &Image,
    entry: &RequestEntryData,
) -> Result<(QuotaEntity, Vec<MetadataRecord>), Refused> {
    let entity = entity(entry)?;
    let keys: &[(&str, bool)] = match entity.contains_key(IP) {
        true => &OF_ADDRESSES,
        false => &OF_CLIENTS,
    };
    let current = image.security().quotas.get(&entity);
    let mut named = BTreeSet::new();
    let mut records = Vec::new();
    for op in &entry.ops {
        let key = op.key.as_str();
        if !named.insert(key) {
            return Err(invalid(format!("{key} is named more than once")));
        }
        let known = current.and_then(|quotas| quotas.get(key));
        if op.remove {
            if known.is_some() {
                records.push(record(&entity, key, None));
            }
            continue;
        }
        let Some((_, is_whole)) = keys.iter().find(|(name, _)| *name == key) else {
            return Err(invalid(format!(
                "there is no quota {key:?} of such an entity"
            )));
        };
        if op.value.is_nan() || op.value <= 0.0 {
            return Err(invalid(format!("{key}: expected a value above 0")));
        }
        if *is_whole && op.value.fract().abs() > 1e-6 {
            return Err(invalid(format!("{key}: expected a whole number")));
        }
        if key == OF_ADDRESSES[0].0 && op.value > f64::from(i32::MAX) {
            return Err(invalid(format!("{key}: expected at most {}", i32::MAX)));
        }
        if known != Some(&op.value) {
            records.push(record(&entity, key, Some(op.value)));
        }
    }
    Ok((entity, records))
}

fn entity(entry: &RequestEntryData) -> Result<QuotaEntity, Refused> {
    let mut entity = QuotaEntity::new();
    for part in &entry.entity {
        let kind = part.entity_type.as_str();
        if ![USER, CLIENT, IP].contains(&kind) {
            return Err(invalid(format!("there is no type of entity {kind:?}")));
        }
        if part.entity_name.as_deref() == Some("") {
            return Err(invalid(format!("a {kind} is empty")));
        }
        if entity
            .insert(kind.to_owned(), part.entity_name.clone())
            .is_some()
        {
            return Err(invalid(format!("{kind} is named more than once")));
        }
    }
    if entity.is_empty() {
        return Err(invalid("an entity is empty"));
    }
    if entity.contains_key(IP) && entity.len() > 1 {
        return Err(invalid("an address goes with no user or client"));
    }
    if let Some(Some(address)) = entity.get(IP)
        && address.parse::<std::net::IpAddr>().is_err()
    {
        return Err(invalid(format!("{address:?} is no address")));
    }
    Ok(entity)
}

fn record(entity: &QuotaEntity, key: &str, value: Option<f64>) -> MetadataRecord {
    MetadataRecord::ClientQuota(ClientQuotaRecord {
        entity: entity
            .iter()
            .map(|(kind, name)| RecordEntity {
                entity_type: kind.clone(),
                entity_name: name.clone(),
                ..RecordEntity::default()
            })
            .collect(),
        key: key.to_owned(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
        ..ClientQuotaRecord::default()
    })
}
