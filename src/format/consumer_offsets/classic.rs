//! Classic groups, and what Java's consumers put into their opaque parts.

use crate::format::bytes::Reader;
use crate::format::coordinator::NEVER;
use crate::format::error::Result;
use crate::format::schema::{Message, schema};
use crate::format::types::{PartitionId, Timestamp};
use serde_json::Value;

/// The protocol type of consumers, whose subscriptions can be read.
const CONSUMER: &str = "consumer";

schema! {
    messages {
        /// Which group.
        ClassicGroupKey, 0..=0, flexible NEVER, {
            /// The group.
            group: String, 0..;
        }

        /// A classic group with its members.
        ClassicGroupValue, 0..=4, flexible 4, {
            /// What kind of members it has, such as `consumer`; empty for none.
            protocol_type: String, 0..;
            /// Raised by 1 with each rebalance.
            generation: i32, 0..;
            /// The protocol that its members agreed on, such as `range`.
            protocol: Option<String>, 0..;
            /// The member that assigns.
            leader: Option<String>, 0..;
            /// When its state last changed.
            current_state_timestamp: Option<Timestamp>, 2.., or ignored;
            /// Its members.
            members: Vec<ClassicGroupMember>, 0..;
        }

        /// What a consumer subscribes to; stands behind a version (i16) of its own.
        ConsumerProtocolSubscription, 0..=3, flexible NEVER, {
            /// The topics.
            topics: Vec<String>, 0..;
            /// What the assignor put there.
            user_data: Option<Vec<u8>>, 0..;
            /// What it owns.
            owned_partitions: Vec<TopicPartitionNumbers>, 1.., or ignored;
            /// The generation in which it got that, or −1.
            generation_id: i32, 2.., default -1, or ignored;
            /// Its rack.
            rack_id: Option<String>, 3.., or ignored;
        }

        /// What a consumer is assigned; stands behind a version (i16) of its own.
        ConsumerProtocolAssignment, 0..=3, flexible NEVER, {
            /// The partitions.
            assigned_partitions: Vec<TopicPartitionNumbers>, 0..;
            /// What the assignor put there.
            user_data: Option<Vec<u8>>, 0..;
        }
    }
    structs {
        /// A member of a classic group.
        ClassicGroupMember, {
            /// Its id.
            member_id: String, 0..;
            /// The id that it keeps over restarts.
            group_instance_id: Option<String>, 3.., or ignored;
            /// What the client calls itself.
            client_id: String, 0..;
            /// From where it connected.
            client_host: String, 0..;
            /// How long a rebalance waits for it, in milliseconds.
            rebalance_timeout: i32, 1.., default -1, or ignored;
            /// How long it may be silent, in milliseconds.
            session_timeout: i32, 0..;
            /// Its subscription, opaque: see [`ConsumerProtocolSubscription`].
            subscription: Vec<u8>, 0..;
            /// Its assignment, opaque: see [`ConsumerProtocolAssignment`].
            assignment: Vec<u8>, 0..;
        }

        /// Partitions of a topic.
        TopicPartitionNumbers, {
            /// The topic.
            topic: String, 0..;
            /// The partitions.
            partitions: Vec<PartitionId>, 0..;
        }
    }
}

impl ClassicGroupMember {
    /// Its subscription, if it is a Java consumer's or written like one.
    ///
    /// # Errors
    /// Bytes that are cut short or do not follow the schema.
    pub fn consumer_subscription(&self) -> Result<ConsumerProtocolSubscription> {
        read_consumer_protocol(&self.subscription).map(|(value, _)| value)
    }

    /// Its assignment, if it is a Java consumer's or written like one.
    ///
    /// # Errors
    /// Bytes that are cut short or do not follow the schema.
    pub fn consumer_assignment(&self) -> Result<ConsumerProtocolAssignment> {
        read_consumer_protocol(&self.assignment).map(|(value, _)| value)
    }
}

impl ConsumerProtocolSubscription {
    /// Reads one, and the version that it is in.
    ///
    /// # Errors
    /// Bytes that are cut short or do not follow the schema.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, i16)> {
        read_consumer_protocol(bytes)
    }

    /// Writes one; a version past the last is the last.
    ///
    /// # Errors
    /// A value that the version cannot hold.
    pub fn to_bytes(&self, version: i16) -> Result<Vec<u8>> {
        write_consumer_protocol(self, version)
    }
}

impl ConsumerProtocolAssignment {
    /// Reads one, and the version that it is in.
    ///
    /// # Errors
    /// Bytes that are cut short or do not follow the schema.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, i16)> {
        read_consumer_protocol(bytes)
    }

    /// Writes one; a version past the last is the last.
    ///
    /// # Errors
    /// A value that the version cannot hold.
    pub fn to_bytes(&self, version: i16) -> Result<Vec<u8>> {
        write_consumer_protocol(self, version)
    }
}

impl ClassicGroupValue {
    /// Replaces the opaque parts of consumers in `data` where they can be read.
    pub(super) fn show_members(&self, data: &mut Value) {
        if self.protocol_type != CONSUMER {
            return;
        }
        for (index, member) in self.members.iter().enumerate() {
            let shown = &mut data["members"][index];
            if let Some(json) = consumer_json::<ConsumerProtocolSubscription>(&member.subscription)
            {
                shown["subscription"] = json;
            }
            if let Some(json) = consumer_json::<ConsumerProtocolAssignment>(&member.assignment) {
                shown["assignment"] = json;
            }
        }
    }
}

/// A version, then the body; as for Kafka, a later version has the fields of the
/// last known one first, what follows is ignored, and one below 0 is 0.
fn read_consumer_protocol<T: Message>(bytes: &[u8]) -> Result<(T, i16)> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16("consumer protocol version")?.max(0);
    let value = T::read(&mut reader, T::layout(version), "consumer protocol")?;
    Ok((value, version))
}

fn write_consumer_protocol<T: Message>(value: &T, version: i16) -> Result<Vec<u8>> {
    let version = version.clamp(0, *T::VERSIONS.end());
    let mut bytes = version.to_be_bytes().to_vec();
    value.write(&mut bytes, T::layout(version), "consumer protocol")?;
    Ok(bytes)
}

fn consumer_json<T: Message>(bytes: &[u8]) -> Option<Value> {
    let (value, version) = read_consumer_protocol::<T>(bytes).ok()?;
    Some(value.to_json(T::layout(version)))
}
