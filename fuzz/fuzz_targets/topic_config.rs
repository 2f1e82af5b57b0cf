//! Names of topics, names and values of their configs: what is valid makes a config.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::topic_config::{KEYS, TopicConfig, validate};
use ottla::format::topic_name;

fuzz_target!(|input: (u8, &str, &str)| {
    let (index, name, value) = input;
    let _ = topic_name::check(name);
    let _ = validate(name, value);
    let known = KEYS[usize::from(index) % KEYS.len()].name;
    if validate(known, value).is_ok() && known != "remote.storage.enable" {
        TopicConfig::new([(known, value)]).expect("one valid value contradicts no default");
    }
});
