//! What `--help` and the man pages say behind the options. Paragraphs are apart by
//! empty lines; lines that begin with two spaces stand as they are.

/// A section: its title and its text.
pub type Section = (&'static str, &'static str);

/// Behind the options of `ottla produce`.
pub const PRODUCE: [Section; 5] = [
    ("FORMAT TOKENS", FORMAT_TOKENS),
    ("JSON ENVELOPE", JSON_ENVELOPE),
    ("PROPERTIES", PROPERTIES),
    ("LOCATIONS", LOCATIONS),
    ("FILES", FILES),
];
/// Behind the options of `ottla consume`.
pub const CONSUME: [Section; 6] = [
    ("CSV", CSV),
    ("FORMAT TOKENS", FORMAT_TOKENS),
    ("JSON ENVELOPE", JSON_ENVELOPE),
    ("PROPERTIES", PROPERTIES),
    ("LOCATIONS", LOCATIONS),
    ("FILES", FILES),
];
/// Behind the options of `ottla topics`.
pub const TOPICS: [Section; 3] = [
    ("OUTPUT", TOPICS_OUTPUT),
    ("LOCATIONS", LOCATIONS),
    ("FILES", FILES),
];
/// Behind the options of `ottla inspect`.
pub const INSPECT: [Section; 3] = [
    ("METADATA", INSPECT_METADATA),
    ("VERIFY", VERIFY),
    ("LOCATIONS", LOCATIONS),
];
/// Behind the options of `ottla repair`.
pub const REPAIR: [Section; 1] = [("LOCATIONS", LOCATIONS)];
/// Behind the options of `ottla`.
pub const FRONT: [Section; 1] = [("LOCATIONS", LOCATIONS)];

const VERIFY: &str = r#"verify checks every CRC, length, varint, offset, sequence, time and header of every batch and record, decompressed ones too, and holds the files beside the log against it. It prints a line for each finding, and exits with 3 when any is worse than a note, with 1 when files could not be read, else with 0. One thing that is damaged is one finding. Where a server holds the directory, its end may move meanwhile; what it is writing is not taken for damage.

  note          left by a kill, a power cut or a live writer; the next start sees to it
  rebuildable   Kafka makes it anew; time is lost, no record
  wrong         readers, producers or a restart get wrong answers
  loss          records cannot be read, or are gone

  batch-crc batch-length batch-header record compression timestamp
                one batch or one of its records
  offset-order offset-gap epoch-order sequence tail segment-order
                batches and segments in their order
  offset-index time-index txn-index producer-snapshot leader-epochs
  partition-metadata
                files beside a log, against it
  checkpoint meta-properties clean-shutdown metadata-log quorum-state
  internal-topic missing-file stray-file directory
                the data directory
  manifest      a segment is not as --manifest lists it
  unreadable    the system did not let it be read

Ranges are shown as START..END, the end not included. --json prints an object a line: {"type":"finding", severity, check, file, topic, partition, byteStart, byteEnd, offsetStart, offsetEnd, expected, found}, null where something does not apply; and at the end {"type":"summary", live, clean, partitions, files, batches, records, bytes, findings (a count for each severity), unreadable, damaged}. Files are named from the data directory on. --output csv and tsv have the columns of a finding.

--manifest FILE writes a list of the segments with the SHA-256 of each where FILE is missing, unless there is damage, and else checks against it. The list is text: a line "SHA-256  LENGTH  BASE  END  PATH" for each segment, and a last one with the hash of the others, so that a change of the list is found too. A segment that has grown behind what is listed is unchanged; one that retention has deleted is a note."#;

const CSV: &str = "The columns of --csv are topic, partition, offset, timestamp, timestampType, leaderEpoch, key, value and headers. A null is an empty field, an empty text a quoted one; headers are those of the JSON envelope.";

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

const INSPECT_METADATA: &str = r"inspect metadata --json prints one object: offset, epoch and timestamp of the last record that counts, snapshot (the file that the metadata was read from, or null), clusterId, nodeId, metadataVersion and its release, kraftVersion, leader, nextProducerId, zkMigration (0 to 3, or null), pendingRecords (of a metadata transaction without an end, or null), damage (texts; what was read ends there), and an array for each section:

  features       feature level release
  quorum         voter leader directoryId endpoints
  brokers        broker epoch fenced controlledShutdown rack endpoints
                 features logDirs cordonedLogDirs incarnationId
  controllers    controller endpoints features incarnationId
  topics         topic topicId partitions internal
  partitions     topic partition leader leaderEpoch partitionEpoch replicas
                 isr elr lastKnownElr adding removing recovering directories
  reassignments  topic partition replicas adding removing
  configs        resourceType resourceName config value
  acls           id principal permission operation resourceType resourceName
                 patternType host
  quotas         entity quota value
  users          user mechanism iterations salt storedKey serverKey
  tokens         tokenId owner requester renewers issueTimestamp
                 expiryTimestamp maxTimestamp

Passwords among configs are [hidden], salt and keys null, without --secrets. CSV and TSV take one section and have the same names.

With --log each record is an object on a line: offset, epoch, timestamp, type, version and data, in the names of Kafka's own dump.";
