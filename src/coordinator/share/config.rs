//! The settings of share groups, under Kafka's names.

/// The settings of a share group: its own, and the broker's for the rest. Those of time
/// are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareConfig {
    /// `group.share.session.timeout.ms`: how long a member may be silent.
    pub session_timeout_ms: i32,
    /// `group.share.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.share.assignment.interval.ms`: how long a target stays at least.
    pub assignment_interval_ms: i32,
    /// `group.share.max.size`: how many members a group may have.
    pub max_size: usize,
    /// `group.share.delivery.count.limit`: how often a record is handed out at most.
    pub delivery_count_limit: i16,
    /// `group.share.record.lock.duration.ms`: how long a record belongs to a member.
    pub record_lock_ms: i32,
    /// `group.share.partition.max.record.locks`: how many records of a partition are in
    /// hand at most.
    pub max_record_locks: i32,
    /// `share.auto.offset.reset`: where a group begins a partition.
    pub reset: Reset,
    /// `share.isolation.level`: whether records of open and aborted transactions are left
    /// out.
    pub read_committed: bool,
    /// `share.renew.acknowledge.enable`: whether members may ask for more time.
    pub may_renew: bool,
}

/// Where a group begins a partition that it has no state of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// At its start.
    Earliest,
    /// At its end.
    Latest,
    /// At the first record that is at most so many milliseconds old.
    ByDuration(i64),
}

impl Default for ShareConfig {
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
            max_size: 200,
            delivery_count_limit: 5,
            record_lock_ms: 30_000,
            max_record_locks: 2_000,
            reset: Reset::Latest,
            read_committed: false,
            may_renew: true,
        }
    }
}

impl Reset {
    /// The strategy of that name: `earliest`, `latest`, or `by_duration:` with a period as
    /// ISO 8601 has it (`P1DT2H3M4.5S`).
    pub fn from_name(name: &str) -> Option<Self> {
        let lower = name.trim().to_ascii_lowercase();
        match lower.as_str() {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            other => period_ms(other.strip_prefix("by_duration:")?).map(Self::ByDuration),
        }
    }
}

/// A period of days, hours, minutes and seconds, in milliseconds.
fn period_ms(text: &str) -> Option<i64> {
    let (days, time) = match text.strip_prefix('p')?.split_once('t') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (text.strip_prefix('p')?, ""),
    };
    let mut total = 0.0;
    let mut parts = 0;
    for (mut text, units) in [
        (days, &[('d', 86_400_000.0)][..]),
        (time, &[('h', 3_600_000.0), ('m', 60_000.0), ('s', 1_000.0)]),
    ] {
        for (unit, length_ms) in units {
            if let Some((number, rest)) = text.split_once(*unit) {
                let number: f64 = number.parse().ok()?;
                total += number * length_ms;
                parts += 1;
                text = rest;
            }
        }
        if !text.is_empty() {
            return None;
        }
    }
    (parts > 0 && (0.0..9e15).contains(&total)).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_read_as_kafka_writes_them() {
        let read = Reset::from_name;
        assert_eq!(read("EARLIEST"), Some(Reset::Earliest));
        assert_eq!(read("latest"), Some(Reset::Latest));
        let period = |text: &str| read(&format!("by_duration:{text}"));
        assert_eq!(period("PT1H"), Some(Reset::ByDuration(3_600_000)));
        assert_eq!(period("P1DT2M0.5S"), Some(Reset::ByDuration(86_520_500)));
        for wrong in ["", "P", "PT", "P1H", "PT1D", "PT1H2", "-PT1H"] {
            assert_eq!(period(wrong), None, "{wrong}");
        }
    }
}
