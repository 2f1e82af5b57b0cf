//! Properties that are not flags, and where they come from.
//!
//! First found, first used: flag, `-X NAME=VALUE`, `OTTLA_NAME` in the
//! environment (dots as underscores: `OTTLA_COMPRESSION_TYPE`), the profile, the
//! data directory's `server.properties`, the default.
//!
//! Names are Apache Kafka's or librdkafka's. Those that make no sense on a
//! directory (`acks`), or at all (`linger.ms`), are taken and do nothing, so that a
//! client's configuration can be used as it is. An unknown name is an error on the command
//! line and in a profile; `server.properties` has many that are the server's own.

use super::error::{Result, ToolError, nearest};
use crate::format::properties::Properties;
use crate::host::Host;
use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Most bytes of a properties file.
const MAX_FILE: u64 = 1 << 20;

/// The programs that have settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `ottla produce`
    Produce,
    /// `ottla consume`
    Consume,
    /// `ottla topics`
    Topics,
    /// `ottla groups`
    Groups,
}

/// A property: its name, its other names, and who takes it.
struct Known {
    name: &'static str,
    aliases: &'static [&'static str],
    verbs: &'static [Verb],
}

const fn known(
    name: &'static str,
    aliases: &'static [&'static str],
    verbs: &'static [Verb],
) -> Known {
    Known {
        name,
        aliases,
        verbs,
    }
}

const PRODUCE: &[Verb] = &[Verb::Produce];
const CONSUME: &[Verb] = &[Verb::Consume];
const CREATE: &[Verb] = &[Verb::Produce, Verb::Topics];
const ALL: &[Verb] = &[Verb::Produce, Verb::Consume, Verb::Topics, Verb::Groups];

/// Every property that does something.
const KNOWN: [Known; 34] = [
    known("compression.type", &["compression.codec"], PRODUCE),
    known(
        "compression.level",
        &[
            "compression.zstd.level",
            "compression.gzip.level",
            "compression.lz4.level",
        ],
        PRODUCE,
    ),
    known("partitioner", &["partitioner.class"], PRODUCE),
    known("batch.size", &[], PRODUCE),
    known("max.request.size", &["message.max.bytes"], PRODUCE),
    known("transactional.id", &[], PRODUCE),
    known("isolation.level", &[], CONSUME),
    known("group.id", &[], CONSUME),
    known("num.partitions", &[], CREATE),
    known("acks", &["request.required.acks"], PRODUCE),
    known("enable.idempotence", &[], PRODUCE),
    known(
        "max.in.flight.requests.per.connection",
        &["max.in.flight"],
        PRODUCE,
    ),
    known("buffer.memory", &[], PRODUCE),
    known("transaction.timeout.ms", &[], PRODUCE),
    known("delivery.timeout.ms", &["message.timeout.ms"], PRODUCE),
    known("fetch.max.wait.ms", &["fetch.wait.max.ms"], CONSUME),
    known("fetch.min.bytes", &[], CONSUME),
    known("fetch.max.bytes", &[], CONSUME),
    known(
        "max.partition.fetch.bytes",
        &["fetch.message.max.bytes"],
        CONSUME,
    ),
    known("auto.commit.interval.ms", &[], CONSUME),
    known("auto.offset.reset", &[], CONSUME),
    known("session.timeout.ms", &[], CONSUME),
    known("heartbeat.interval.ms", &[], CONSUME),
    known("max.poll.interval.ms", &[], CONSUME),
    known("group.instance.id", &[], CONSUME),
    known("partition.assignment.strategy", &[], CONSUME),
    known("client.id", &[], ALL),
    known("request.timeout.ms", &["socket.timeout.ms"], ALL),
    known("socket.connection.setup.timeout.ms", &[], ALL),
    known("default.api.timeout.ms", &[], ALL),
    known("retry.backoff.ms", &[], ALL),
    known("retry.backoff.max.ms", &["reconnect.backoff.max.ms"], ALL),
    known("receive.message.max.bytes", &[], ALL),
    known("security.protocol", &[], ALL),
];

/// Properties that do nothing.
const WITHOUT_EFFECT: [&str; 15] = [
    "allow.auto.create.topics",
    "batch.num.messages",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "linger.ms",
    "max.block.ms",
    "max.poll.records",
    "metadata.broker.list",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "retries",
    "transaction.timeout.ms",
];

/// Properties by name, from everywhere but flags.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, (String, String)>,
}

impl Settings {
    /// Gathers the properties of a verb. `variable` looks up the environment.
    pub fn load(
        verb: Verb,
        flags: &[String],
        profile: Option<&str>,
        data: Option<&Path>,
        variable: &dyn Fn(&str) -> Option<String>,
        host: &dyn Host,
    ) -> Result<Self> {
        let mut settings = Self::default();
        for flag in flags {
            let Some((name, value)) = flag.split_once('=') else {
                return Err(ToolError::usage(format!("-X {flag}: expected NAME=VALUE")));
            };
            let name = name.trim();
            match find(name) {
                Some(known) if known.verbs.contains(&verb) => {
                    // The last -X of a name counts.
                    let from = format!("-X {name}");
                    settings.values.insert(known.name, (value.to_owned(), from));
                }
                Some(_) => {}
                None if WITHOUT_EFFECT.contains(&name) => {}
                None => return Err(unknown("-X", name)),
            }
        }
        for known in KNOWN.iter().filter(|known| known.verbs.contains(&verb)) {
            let name = format!("OTTLA_{}", known.name.to_uppercase().replace('.', "_"));
            if let Some(value) = variable(&name) {
                settings.add(known.name, value, &name);
            }
        }
        if let Some(path) = profile_path(profile, variable)? {
            let what = path.display().to_string();
            let properties = read(&path, host)?.ok_or_else(|| {
                ToolError::failed(format!("profile {what}: no such file"))
                    .hint("a profile is a file of NAME=VALUE lines")
            })?;
            for (name, value) in properties.iter() {
                match find(name) {
                    Some(known) if known.verbs.contains(&verb) => {
                        settings.add(known.name, value.to_owned(), &what);
                    }
                    Some(_) => {}
                    None if WITHOUT_EFFECT.contains(&name) => {}
                    None => return Err(unknown(&what, name)),
                }
            }
        }
        if let Some(data) = data {
            let path = data.join("server.properties");
            // There, compression.type and message.max.bytes speak of the server.
            if let Some(properties) = read(&path, host)?
                && let Some(partitions) = properties.get("num.partitions")
            {
                let what = path.display().to_string();
                settings.add("num.partitions", partitions.to_owned(), &what);
            }
        }
        Ok(settings)
    }

    fn add(&mut self, name: &'static str, value: String, from: &str) {
        let from = || format!("{name} in {from}");
        self.values.entry(name).or_insert_with(|| (value, from()));
    }

    /// A property by its first name.
    pub fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(KNOWN.iter().any(|known| known.name == name), "{name}");
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// A property that is a number of that range.
    pub fn number<T: TryFrom<i64>>(
        &self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<T>> {
        let Some((value, from)) = self.values.get(name) else {
            return Ok(None);
        };
        let number = value.trim().parse::<i64>().ok();
        let number = number.filter(|number| range.contains(number));
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(ToolError::usage(format!(
                "{from}: expected a number from {} to {}, found `{value}`",
                range.start(),
                range.end()
            ))),
        }
    }
}

fn find(name: &str) -> Option<&'static Known> {
    let name = name.strip_prefix("topic.").unwrap_or(name);
    KNOWN
        .iter()
        .find(|known| known.name == name || known.aliases.contains(&name))
}

#[cold]
fn unknown(place: &str, name: &str) -> ToolError {
    let names = KNOWN
        .iter()
        .flat_map(|known| std::iter::once(known.name).chain(known.aliases.iter().copied()))
        .chain(WITHOUT_EFFECT);
    let error = ToolError::usage(format!("{place}: unknown property `{name}`"));
    match nearest(name, names) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!(
            "known are {}",
            KNOWN.map(|known| known.name).join(", ")
        )),
    }
}

/// The profile's file: `--profile`, else `OTTLA_PROFILE`.
fn profile_path(
    profile: Option<&str>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<PathBuf>> {
    let Some(profile) = profile
        .map(str::to_owned)
        .or_else(|| variable("OTTLA_PROFILE"))
    else {
        return Ok(None);
    };
    if profile.contains('/') || profile.ends_with(".properties") {
        return Ok(Some(PathBuf::from(profile)));
    }
    let configs = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
    let configs = configs.ok_or_else(|| {
        ToolError::failed(format!(
            "profile {profile}: neither XDG_CONFIG_HOME nor HOME is set"
        ))
    })?;
    Ok(Some(
        configs.join("ottla").join(format!("{profile}.properties")),
    ))
}

fn read(path: &Path, host: &dyn Host) -> Result<Option<Properties>> {
    let failed =
        |error: &dyn std::fmt::Display| ToolError::failed(format!("{}: {error}", path.display()));
    let bytes = match host.read(path, MAX_FILE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    Properties::parse("properties file", &bytes)
        .map(Some)
        .map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::real::RealHost;

    fn load(verb: Verb, flags: &[&str], data: Option<&Path>) -> Result<Settings> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let variable = |name: &str| match name {
            "OTTLA_COMPRESSION_TYPE" => Some("lz4".to_owned()),
            "OTTLA_NUM_PARTITIONS" => Some("4".to_owned()),
            _ => None,
        };
        Settings::load(verb, &flags, None, data, &variable, &RealHost)
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_files() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(
            data.path().join("server.properties"),
            "num.partitions=9\nx=y\n",
        )
        .unwrap();
        let settings = load(
            Verb::Produce,
            &["compression.codec=zstd", "acks=1"],
            Some(data.path()),
        );
        let settings = settings.unwrap();
        assert_eq!(settings.get("compression.type"), Some("zstd"));
        assert_eq!(settings.number("num.partitions", 1..=100).unwrap(), Some(4));
        let settings = load(Verb::Produce, &[], None).unwrap();
        assert_eq!(settings.get("compression.type"), Some("lz4"));
        let error = settings.number::<i32>("num.partitions", 1..=3).unwrap_err();
        assert!(
            error.to_string().contains("OTTLA_NUM_PARTITIONS"),
            "{error}"
        );
    }

    #[test]
    fn profiles_and_server_properties_are_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("p.properties");
        std::fs::write(&path, "isolation.level=read_committed\nlinger.ms=5\n").unwrap();
        let none = |_: &str| None;
        let load = |path: &Path, verb| {
            Settings::load(
                verb,
                &[],
                path.to_str(),
                Some(home.path()),
                &none,
                &RealHost,
            )
        };
        let settings = load(&path, Verb::Consume).unwrap();
        assert_eq!(settings.get("isolation.level"), Some("read_committed"));
        assert_eq!(load(&path, Verb::Produce).unwrap().get("batch.size"), None);
        std::fs::write(&path, "isolation.levle=read_committed\n").unwrap();
        let error = load(&path, Verb::Consume).unwrap_err().to_string();
        assert!(error.contains("did you mean `isolation.level`"), "{error}");
        assert!(load(Path::new("/nowhere.properties"), Verb::Consume).is_err());
    }

    #[test]
    fn an_unknown_name_is_an_error_with_a_suggestion() {
        let error = load(Verb::Produce, &["compresion.type=zstd"], None).unwrap_err();
        assert_eq!(error.exit().code(), 2);
        assert!(
            error
                .to_string()
                .contains("did you mean `compression.type`"),
            "{error}"
        );
        assert_eq!(
            load(Verb::Produce, &["acks"], None)
                .unwrap_err()
                .exit()
                .code(),
            2
        );
    }
}
