//! What a level of `metadata.version` is called.

/// The releases of Apache Kafka by the level of `metadata.version`, from 1.
/// Source: `org.apache.kafka.server.common.MetadataVersion`.
const RELEASES: [&str; 31] = [
    "3.0-IV1", "3.1-IV0", "3.2-IV0", "3.3-IV0", "3.3-IV1", "3.3-IV2", "3.3-IV3", "3.4-IV0",
    "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0", "3.7-IV1",
    "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2",
    "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0",
];

/// The name of a level, such as `4.3-IV0` of 30; `None` of one that is not known
/// here.
pub fn release_of(level: i16) -> Option<&'static str> {
    let at = usize::try_from(level).ok()?.checked_sub(1)?;
    RELEASES.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_names_that_kafka_gives_them() {
        for (level, name) in [
            (1, "3.0-IV1"),
            (7, "3.3-IV3"),
            (14, "3.6-IV2"),
            (30, "4.3-IV0"),
        ] {
            assert_eq!(release_of(level), Some(name));
        }
        assert_eq!(
            (release_of(0), release_of(-1), release_of(99)),
            (None, None, None)
        );
    }
}
