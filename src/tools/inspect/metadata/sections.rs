//! The parts of the metadata as tables: all columns for scripts, those that fit for
//! people.

use crate::format::NodeId;
use crate::format::metadata::{Endpoint, FeatureRange};
use crate::format::schema::base64_text;
use crate::format::topic_name;
use crate::log::image::{Image, PartitionState, QuotaEntity, release_of};
use crate::tools::args::inspect::Section;
use crate::tools::table::Table;
use serde_json::{Map, Value, json};

/// The name of a section in JSON and above a table.
pub(super) const fn title(section: Section) -> &'static str {
    match section {
        Section::Features => "features",
        Section::Quorum => "quorum",
        Section::Brokers => "brokers",
        Section::Controllers => "controllers",
        Section::Topics => "topics",
        Section::Partitions => "partitions",
        Section::Reassignments => "reassignments",
        Section::Configs => "configs",
        Section::Acls => "acls",
        Section::Quotas => "quotas",
        Section::Users => "users",
        Section::Tokens => "tokens",
    }
}

/// Whether a config's value is a password or a key, as Kafka types it.
pub(super) fn is_secret(config: &str) -> bool {
    const ENDS: [&str; 6] = [
        "password",
        "sasl.jaas.config",
        "ssl.keystore.key",
        "ssl.keystore.certificate.chain",
        "ssl.truststore.certificates",
        "secret.key",
    ];
    ENDS.iter().any(|end| config.ends_with(end))
}

/// Draws the sections of an image.
pub(super) struct Sections<'a> {
    image: &'a Image,
    secrets: bool,
}

impl<'a> Sections<'a> {
    pub(super) const fn new(image: &'a Image, secrets: bool) -> Self {
        Self { image, secrets }
    }

    /// Every column.
    pub(super) fn full(&self, section: Section) -> Table {
        match section {
            Section::Features => self.features(),
            Section::Quorum => self.quorum(),
            Section::Brokers => self.brokers(),
            Section::Controllers => self.controllers(),
            Section::Topics => self.topics(),
            Section::Partitions => self.partitions(),
            Section::Reassignments => self.reassignments(),
            Section::Configs => self.configs(),
            Section::Acls => self.acls(),
            Section::Quotas => self.quotas(),
            Section::Users => self.users(),
            Section::Tokens => self.tokens(),
        }
    }

    /// The columns that fit.
    pub(super) fn short(&self, section: Section) -> Table {
        let columns: &[&str] = match section {
            Section::Brokers => &["broker", "epoch", "fenced", "rack", "endpoints"],
            Section::Controllers => &["controller", "endpoints"],
            Section::Partitions => &[
                "topic",
                "partition",
                "leader",
                "leaderEpoch",
                "replicas",
                "isr",
                "elr",
            ],
            Section::Acls => return self.short_acls(),
            Section::Configs => return self.short_configs(),
            Section::Users if !self.secrets => &["user", "mechanism", "iterations"],
            Section::Tokens => &["tokenId", "owner", "expiryTimestamp"],
            _ => return self.full(section),
        };
        self.full(section).select(columns)
    }

    fn features(&self) -> Table {
        let mut table = Table::new(&["feature", "level", "release"]);
        for (name, level) in self.image.features() {
            let release = (name == "metadata.version").then(|| release_of(*level));
            table.push(vec![json!(name), json!(level), json!(release.flatten())]);
        }
        table
    }

    fn quorum(&self) -> Table {
        let nodes = self.image.nodes();
        let mut table = Table::new(&["voter", "leader", "directoryId", "endpoints"]);
        for voter in &nodes.voters {
            let known = nodes.voter_details.iter().find(|other| other.id == *voter);
            let endpoints = known.map(|known| {
                let text = |at: &crate::format::kraft_control::Endpoint| {
                    format!("{}://{}:{}", at.name, at.host, at.port)
                };
                known.endpoints.iter().map(text).collect::<Vec<_>>()
            });
            table.push(vec![
                json!(voter),
                json!(nodes.leader == Some(*voter)),
                json!(known.map(|known| known.directory_id)),
                json!(endpoints),
            ]);
        }
        table
    }

    fn brokers(&self) -> Table {
        let mut table = Table::new(&[
            "broker",
            "epoch",
            "fenced",
            "controlledShutdown",
            "rack",
            "endpoints",
            "features",
            "logDirs",
            "cordonedLogDirs",
            "incarnationId",
        ]);
        for (id, broker) in &self.image.nodes().brokers {
            table.push(vec![
                json!(id),
                json!(broker.broker_epoch),
                json!(broker.fenced),
                json!(broker.in_controlled_shutdown),
                json!(broker.rack),
                endpoints(&broker.end_points),
                features(&broker.features),
                json!(broker.log_dirs),
                json!(broker.cordoned_log_dirs),
                json!(broker.incarnation_id),
            ]);
        }
        table
    }

    fn controllers(&self) -> Table {
        let mut table = Table::new(&["controller", "endpoints", "features", "incarnationId"]);
        for (id, controller) in &self.image.nodes().controllers {
            table.push(vec![
                json!(id),
                endpoints(&controller.end_points),
                features(&controller.features),
                json!(controller.incarnation_id),
            ]);
        }
        table
    }

    fn topics(&self) -> Table {
        let mut table = Table::new(&["topic", "topicId", "partitions", "internal"]);
        for (name, topic) in self.image.topics() {
            table.push(vec![
                json!(name),
                json!(topic.id),
                json!(topic.partitions.len()),
                json!(topic_name::is_internal(name)),
            ]);
        }
        table
    }

    /// Each partition with its topic and number.
    fn each_partition(&self) -> impl Iterator<Item = (&'a str, i32, &'a PartitionState)> {
        self.image.topics().iter().flat_map(|(name, topic)| {
            topic
                .partitions
                .iter()
                .map(move |(number, partition)| (name.as_str(), *number, partition))
        })
    }

    fn partitions(&self) -> Table {
        let mut table = Table::new(&[
            "topic",
            "partition",
            "leader",
            "leaderEpoch",
            "partitionEpoch",
            "replicas",
            "isr",
            "elr",
            "lastKnownElr",
            "adding",
            "removing",
            "recovering",
            "directories",
        ]);
        for (topic, number, partition) in self.each_partition() {
            table.push(vec![
                json!(topic),
                json!(number),
                json!(partition.leader),
                json!(partition.leader_epoch),
                json!(partition.epoch),
                nodes(&partition.replicas),
                nodes(&partition.isr),
                nodes(&partition.elr),
                nodes(&partition.last_known_elr),
                nodes(&partition.adding),
                nodes(&partition.removing),
                json!(partition.recovering),
                json!(partition.directories),
            ]);
        }
        table
    }

    fn reassignments(&self) -> Table {
        let mut table = Table::new(&["topic", "partition", "replicas", "adding", "removing"]);
        for (topic, number, partition) in self.each_partition() {
            if partition.is_reassigned() {
                table.push(vec![
                    json!(topic),
                    json!(number),
                    nodes(&partition.replicas),
                    nodes(&partition.adding),
                    nodes(&partition.removing),
                ]);
            }
        }
        table
    }

    fn configs(&self) -> Table {
        let mut table = Table::new(&["resourceType", "resourceName", "config", "value"]);
        for (kind, name, configs) in self.image.configs() {
            let kind = match kind {
                2 => json!("topic"),
                4 => json!("broker"),
                8 => json!("broker-logger"),
                16 => json!("client-metrics"),
                32 => json!("group"),
                other => json!(other),
            };
            for (config, value) in configs {
                let value = match value.as_str() {
                    _ if is_secret(config) && !self.secrets => "[hidden]",
                    value => value,
                };
                let name = if name.is_empty() { "<default>" } else { name };
                table.push(vec![kind.clone(), json!(name), json!(config), json!(value)]);
            }
        }
        table
    }

    fn short_configs(&self) -> Table {
        let mut table = Table::new(&["resource", "config"]);
        for row in self.configs().rows() {
            let text = |at: usize| {
                row[at]
                    .as_str()
                    .map_or_else(|| row[at].to_string(), str::to_owned)
            };
            table.push(vec![
                json!(format!("{} {}", text(0), text(1))),
                json!(format!("{}={}", text(2), text(3))),
            ]);
        }
        table
    }

    fn acls(&self) -> Table {
        let mut table = Table::new(&[
            "id",
            "principal",
            "permission",
            "operation",
            "resourceType",
            "resourceName",
            "patternType",
            "host",
        ]);
        for acl in self.image.security().acls.values() {
            table.push(vec![
                json!(acl.id),
                json!(acl.principal),
                named(acl.permission_type, &PERMISSIONS),
                named(acl.operation, &OPERATIONS),
                named(acl.resource_type, &RESOURCES),
                json!(acl.resource_name),
                named(acl.pattern_type, &["", "", "", "LITERAL", "PREFIXED"]),
                json!(acl.host),
            ]);
        }
        table
    }

    fn short_acls(&self) -> Table {
        let mut table = Table::new(&["principal", "permission", "operation", "resource", "host"]);
        for acl in self.image.security().acls.values() {
            let kind = named(acl.resource_type, &RESOURCES);
            let kind = kind
                .as_str()
                .map_or_else(|| kind.to_string(), str::to_owned);
            let prefix = if acl.pattern_type == 4 {
                " (prefix)"
            } else {
                ""
            };
            table.push(vec![
                json!(acl.principal),
                named(acl.permission_type, &PERMISSIONS),
                named(acl.operation, &OPERATIONS),
                json!(format!("{kind} {}{prefix}", acl.resource_name)),
                json!(acl.host),
            ]);
        }
        table
    }

    fn quotas(&self) -> Table {
        let mut table = Table::new(&["entity", "quota", "value"]);
        for (entity, quotas) in &self.image.security().quotas {
            for (quota, value) in quotas {
                table.push(vec![quota_entity(entity), json!(quota), json!(value)]);
            }
        }
        table
    }

    fn users(&self) -> Table {
        let mut table = Table::new(&[
            "user",
            "mechanism",
            "iterations",
            "salt",
            "storedKey",
            "serverKey",
        ]);
        for user in self.image.security().scram.values() {
            let secret = |bytes: &[u8]| self.secrets.then(|| base64_text(bytes));
            table.push(vec![
                json!(user.name),
                named(user.mechanism, &["", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
                json!(user.iterations),
                json!(secret(&user.salt)),
                json!(secret(&user.stored_key)),
                json!(secret(&user.server_key)),
            ]);
        }
        table
    }

    fn tokens(&self) -> Table {
        let mut table = Table::new(&[
            "tokenId",
            "owner",
            "requester",
            "renewers",
            "issueTimestamp",
            "expiryTimestamp",
            "maxTimestamp",
        ]);
        for token in self.image.security().tokens.values() {
            table.push(vec![
                json!(token.token_id),
                json!(token.owner),
                json!(token.requester),
                json!(token.renewers),
                json!(token.issue_timestamp),
                json!(token.expiration_timestamp),
                json!(token.max_timestamp),
            ]);
        }
        table
    }
}

/// Source: `org.apache.kafka.common.acl.AclPermissionType`.
const PERMISSIONS: [&str; 4] = ["", "", "DENY", "ALLOW"];
/// Source: `org.apache.kafka.common.acl.AclOperation`.
const OPERATIONS: [&str; 16] = [
    "",
    "",
    "ALL",
    "READ",
    "WRITE",
    "CREATE",
    "DELETE",
    "ALTER",
    "DESCRIBE",
    "CLUSTER_ACTION",
    "DESCRIBE_CONFIGS",
    "ALTER_CONFIGS",
    "IDEMPOTENT_WRITE",
    "CREATE_TOKENS",
    "DESCRIBE_TOKENS",
    "TWO_PHASE_COMMIT",
];
/// Source: `org.apache.kafka.common.resource.ResourceType`.
const RESOURCES: [&str; 8] = [
    "",
    "",
    "TOPIC",
    "GROUP",
    "CLUSTER",
    "TRANSACTIONAL_ID",
    "DELEGATION_TOKEN",
    "USER",
];

/// Kafka's name of a number, or the number.
fn named(number: i8, names: &[&str]) -> Value {
    let found = usize::try_from(number).ok().and_then(|at| names.get(at));
    match found {
        Some(name) if !name.is_empty() => json!(name),
        _ => json!(number),
    }
}

fn nodes(ids: &[NodeId]) -> Value {
    json!(ids)
}

fn endpoints(endpoints: &[Endpoint]) -> Value {
    let text = |at: &Endpoint| format!("{}://{}:{}", at.name, at.host, at.port);
    json!(endpoints.iter().map(text).collect::<Vec<_>>())
}

/// `{"metadata.version": [7, 30]}`.
fn features(features: &[FeatureRange]) -> Value {
    let range = |range: &FeatureRange| {
        let levels = json!([range.min_supported_version, range.max_supported_version]);
        (range.name.clone(), levels)
    };
    Value::Object(features.iter().map(range).collect::<Map<_, _>>())
}

fn quota_entity(entity: &QuotaEntity) -> Value {
    let part = |(kind, name): (&String, &Option<String>)| {
        (kind.clone(), json!(name.as_deref().unwrap_or("<default>")))
    };
    Value::Object(entity.iter().map(part).collect::<Map<_, _>>())
}
