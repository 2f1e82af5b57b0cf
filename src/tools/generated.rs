//! What is generated from the command lines' definitions and checked in: man
//! pages and completions. `OTTLA_UPDATE=1 cargo test --test generated` rewrites
//! them; without the variable that test fails when they are stale.

use super::args;
use super::error::Exit;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Behind the options in `ottla produce --help`.
pub const PRODUCE_MORE: &str = "See ottla-produce(1) for FORMAT TOKENS and the JSON ENVELOPE.\n\n";
/// Behind the options in `ottla consume --help`.
pub const CONSUME_MORE: &str = "See ottla-consume(1) for FORMAT TOKENS and the JSON ENVELOPE.\n\n";
/// Behind the options in `ottla topics --help`.
pub const TOPICS_MORE: &str = "";

/// Every generated file: its path from the repository's root, and its content.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (name, command) in args::commands() {
        files.push((format!("man/{name}.1"), man_page(name, &command)));
        for (shell, file) in [
            (Shell::Bash, format!("completions/{name}.bash")),
            (Shell::Zsh, format!("completions/_{name}")),
            (Shell::Fish, format!("completions/{name}.fish")),
        ] {
            let mut text = Vec::new();
            let mut command = command.clone().bin_name(name);
            clap_complete::generate(shell, &mut command, name, &mut text);
            files.push((file, text));
        }
    }
    files
}

fn man_page(name: &str, command: &Command) -> Vec<u8> {
    let mut page = Vec::new();
    let examples = examples(command);
    // Examples and exit status become sections of their own.
    let with_help = |arg: clap::Arg| match (arg.get_long_help(), arg.get_help().cloned()) {
        (None, Some(help)) => arg.long_help(help),
        _ => arg,
    };
    let bare = command.clone().after_help("").after_long_help("");
    let bare = bare.mut_args(with_help);
    let man = Man::new(bare)
        .date("")
        .source(format!("Ottla {}", env!("CARGO_PKG_VERSION")))
        .manual("Ottla");
    let mut render = || -> std::io::Result<()> {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        Ok(())
    };
    render().expect("writing to memory does not fail");
    let mut roff = Roff::new();
    match name {
        "ottla-produce" | "ottla-consume" => {
            section(&mut roff, "FORMAT TOKENS", FORMAT_TOKENS);
            section(&mut roff, "JSON ENVELOPE", JSON_ENVELOPE);
            section(&mut roff, "PROPERTIES", PROPERTIES);
        }
        "ottla-topics" => section(&mut roff, "OUTPUT", TOPICS_OUTPUT),
        _ => {}
    }
    section(&mut roff, "LOCATIONS", LOCATIONS);
    section(&mut roff, "FILES", FILES);
    exit_status(&mut roff);
    section(&mut roff, "EXAMPLES", &examples);
    section(
        &mut roff,
        "SEE ALSO",
        "ottla(1), ottla-consume(1), ottla-produce(1), ottla-topics(1)",
    );
    roff.to_writer(&mut page)
        .expect("writing to memory does not fail");
    page
}

/// The examples of the help, each a line of command and comment.
fn examples(command: &Command) -> String {
    let help = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    help.trim_start_matches("Examples:\n").to_owned()
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for (exit, meaning) in Exit::TABLE {
        roff.control("TP", []);
        roff.text([bold(exit.code().to_string())]);
        roff.text([roman(meaning)]);
    }
}

/// A section: paragraphs apart by empty lines; lines that begin with two spaces
/// stand as they are.
fn section(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    let mut as_is = false;
    for line in text.lines() {
        let code = line.starts_with("  ");
        if code != as_is {
            roff.control(if code { "nf" } else { "fi" }, []);
            as_is = code;
        }
        if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line)]);
        }
    }
    if as_is {
        roff.control("fi", []);
    }
}

const FORMAT_TOKENS: &str = r"A format is text with tokens, as rpk and kcl have them. The escapes \n \t \r \0 \\ and \xNN stand for bytes; %% %{ and %} for the characters.

  %v %k          value, key
  %V %K %T       their lengths, and that of the topic
  %h{FORMAT}     each header in turn: %k %v %K %V inside are its name and value
  %H             number of headers
  %t %p %o %e    topic, partition, offset, leader epoch
  %d             timestamp, milliseconds since 1970
  %a{compression} %a{timestamp-type} %a{transactional-bit} %a{control-bit}
                 attributes of the batch
  %x %y          producer id and epoch
  %i             number of records printed, from 1
  %[ %| %]       log start offset, last stable offset, high watermark

%t %k %v take {hex}, {base64}, {base64raw} (without padding) or {json}: a JSON string, null where it is null, base64 where it is not UTF-8.

Numbers take {ascii} (the default), {hex}, {hex64}, {hex32}, {hex16}, {hex8}, {hex4}, {big64}, {big32}, {big16}, {big8}, {little64}, {little32}, {little16}, {little8} or {byte}. A number that is missing is -1.

%d also takes {strftime[%F %T]} or {go[2006-01-02]}; brackets may be doubled, or be other characters such as ##. Times are in UTC.

Reading, a field ends at the text behind it, or its length comes before it: '%K{big32}%V{big32}%k%v', or is fixed: '%V{8}%v'. {json} reads one JSON value. %h{...} needs %H before it. %i %[ %| %] %a and formatted times cannot be read.

With --kcat-format the tokens are those of kcat: %s value, %S its length (-1 for null), %R the same as 4 bytes big-endian, %k %K key and its length, %t %p %o, %T timestamp, %h headers as NAME=VALUE,...";

const JSON_ENVELOPE: &str = r#"One object a line:

  {"v":1,"topic":"clicks","partition":0,"offset":42,
   "timestamp":1772366400125,"timestampType":"CreateTime","leaderEpoch":3,
   "key":"alice","value":"hello","headers":[["trace","abc"],["empty",null]]}

v is the version of this layout, 1. timestamp is in milliseconds since 1970, or null. timestampType is CreateTime, LogAppendTime or NoTimestampType. leaderEpoch may be null.

key and value are texts, or null. Bytes that are not UTF-8 are in keyBase64 or valueBase64 instead, in padded standard base64.

headers keeps order and repeated names: each is [name, value], value a text or null. Where either is not UTF-8 it is an object with name or nameBase64, and value or valueBase64.

Reading, only value or valueBase64 must be there. A key or value that is an object, an array, a number or true or false is taken as its JSON text. Unknown fields are refused. offset, leaderEpoch and LogAppendTime count with --keep-offsets only."#;

const PROPERTIES: &str = r"-X NAME=VALUE takes names of Apache Kafka and librdkafka. First found, first used: option, -X, environment, profile, server.properties in the data directory, default.

  compression.type (compression.codec)   produce: as -z
  compression.level                      produce: the codec's level
  partitioner (partitioner.class)        produce: as --partitioner
  batch.size                             produce: bytes at which a batch is full
  max.request.size (message.max.bytes)   produce: as --max-message-bytes
  transactional.id                       produce: as --transaction=ID
  num.partitions                         produce, topics: partitions of new topics
  isolation.level                        consume: read_committed as --read-committed

In the environment they are OTTLA_COMPRESSION_TYPE and so on. Properties that mean nothing to a directory, such as acks or linger.ms, are taken and do nothing. An unknown name is an error.";

const LOCATIONS: &str = r"DATA is a Kafka log directory, DATA/TOPIC a topic in it, DATA/TOPIC-PARTITION a partition directory that exists. Where both a partition directory TOPIC-P and a topic of that name exist, the directory wins; -p picks partitions of a topic.

kafka://HOST:PORT[,HOST:PORT]/TOPIC is understood and comes with ottla serve.";

const FILES: &str = r"~/.config/ottla/NAME.properties holds the profile NAME (--profile or OTTLA_PROFILE): NAME=VALUE lines as for -X.

DATA/server.properties, where it exists, is asked for num.partitions.";

const TOPICS_OUTPUT: &str = r"Names in JSON, CSV and TSV, of a list:

  topic topicId partitions internal configs

of a description, one row a partition:

  topic partition leaderEpoch logStartOffset endOffset segments bytes

--output json describes a topic as one object, its partitions and configs in it.";
