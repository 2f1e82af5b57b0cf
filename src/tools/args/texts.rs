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
/// Behind the options of `ottla groups`.
pub const GROUPS: [Section; 3] = [
    ("OUTPUT", GROUPS_OUTPUT),
    ("LOCATIONS", LOCATIONS),
    ("FILES", FILES),
];
/// Behind the options of `ottla inspect`.
pub const INSPECT: [Section; 13] = [
    ("DIFF", INSPECT_DIFF),
    ("SUMMARY", INSPECT_SUMMARY),
    ("BATCHES", INSPECT_BATCHES),
    ("RECORDS", INSPECT_RECORDS),
    ("INDEX", INSPECT_INDEX),
    ("SNAPSHOT", INSPECT_SNAPSHOT),
    ("METADATA", INSPECT_METADATA),
    ("GROUPS", INSPECT_GROUPS),
    ("TRANSACTIONS", INSPECT_TRANSACTIONS),
    ("EXPLAIN", INSPECT_EXPLAIN),
    ("VERIFY", VERIFY),
    ("STATS", STATS),
    ("LOCATIONS", LOCATIONS),
];
/// Behind the options of `ottla repair`.
pub const REPAIR: [Section; 6] = [
    ("REPAIR", REPAIR_TEXT),
    ("LEFTOVERS", REPAIR_LEFTOVERS),
    ("ADOPT", REPAIR_ADOPT),
    ("HANGING TRANSACTIONS", REPAIR_ABORT),
    ("REPLICAS", REPAIR_FROM),
    ("LOCATIONS", LOCATIONS),
];
/// Behind the options of `ottla serve`.
pub const SERVE: [Section; 1] = [("SERVE", SERVE_TEXT)];
/// Behind the options of `ottla`.
pub const FRONT: [Section; 1] = [("LOCATIONS", LOCATIONS)];

const SERVE_TEXT: &str = r#"The server is a Kafka broker that is its own controller: a quorum of one. It stops on SIGINT and SIGTERM: requests that have begun are answered, everything is made durable, and the directory is left as Apache Kafka leaves it.

Properties have Apache Kafka's names and defaults, but for listeners, which is PLAINTEXT://127.0.0.1:9092. Names that mean nothing here are ignored. Sizes are in bytes, times in milliseconds.

  listeners, advertised.listeners              LISTENER://HOST:PORT, commas between
  socket.request.max.bytes                     1 to 2147483647; 104857600
  connections.max.idle.ms                      negative for no limit; 600000
  max.connections                              0 to 2147483647; no limit
  auto.create.topics.enable                    true
  num.partitions                               1 to 2147483647; 1
  default.replication.factor                   1 is all that one node has; 1
  fetch.max.bytes                              1024 to 2147483647; 57671680
  max.incremental.fetch.session.cache.slots    0 to 2147483647; 1000
  offsets.topic.num.partitions                 1 to 2147483647; 50
  offsets.topic.segment.bytes                  1 to 2147483647; 104857600
  log.retention.check.interval.ms              300000
  log.flush.offset.checkpoint.interval.ms      60000
  replica.high.watermark.checkpoint.interval.ms
                                               5000
  ottla.flush.before.acknowledge               whether a record is on disk before its producer is answered; false
  ottla.metrics.listener                       HOST:PORT, as --metrics
  ottla.socket                                 whether tools find a socket in DATA, .ottla.sock; true

What brokers call the configs of topics (log.retention.ms, log.segment.bytes, message.max.bytes, log.cleanup.policy and so on) counts for topics that do not set them.

A service manager that sets NOTIFY_SOCKET is told READY=1 once clients can connect."#;

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

const REPAIR_TEXT: &str = r#"Every batch whose CRC fits stays as it is, byte for byte, at its offset; damage costs no more than the batch it is in. A field of a header that the CRC does not cover is set right where the CRC, the neighbours or the leader epochs tell it; a changed byte of a header that the CRC covers is found by the CRC. Offsets that are lost become a gap: a batch without records, as Kafka's cleaner leaves. With --partial a batch of which a part is damaged keeps its other records, or all of them where one flipped bit is what is wrong. Files beside the log are made anew from it.

--apply makes a twin of the directory beside it, changes and verifies that, makes it durable, and exchanges it with the directory in one step of the file system: killed at any moment, the directory is what it was or what was planned. It takes the lock that a broker takes, and is refused where one runs (4), or where permission or space are lacking (1); nothing is touched then. The directory must not be the root of a mounted file system. The originals stay in DATA.repair-N beside DATA, with a journal, until --undo, which puts back the latest, of partitions without a data directory around them the latest of each; remove that directory to keep the repair for good. Where something was written since, --undo says so and asks for --force.

The exit status is 0 where nothing is to repair, or all was; 3 where a plan was made and not carried out, or something remains.

--json prints one object:

  {"version":1,"location":"data","applied":true,"sidecars":["/srv/data.repair-1"],"remainingFindings":0,"partitions":[{"topic":"t","partition":0,"kept":90,"mended":10,"duplicates":0,"lost":[[100,105]],"steps":[{"file":"t-0/00000000000000000000.log","byteStart":61,"byteEnd":900,"offsetStart":100,"offsetEnd":105,"done":"lost: left a gap"}]}],"changes":[{"path":"t-0/00000000000000000000.log","change":"assemble","check":"batch-crc","why":"salvaged"}],"left":[{"path":"x","check":"directory","why":"..."}],"notes":["..."]}

kept counts records that stay as they are, mended those of damaged batches that were saved or taken from a peer, duplicates those left out because the log has them already; lost has ranges of offsets, the last one not included. change is write, assemble, remove, rename, create or rebuild; check is one of those of ottla-inspect(1). left is what repair does not see to, notes is what to know besides. remainingFindings is null before --apply. After --undo it is {"version":2,"undone":[{"directory":"/srv/data","repairedAt":1772366400125,"changes":2}]}, with an entry for each directory that was put back; version 1 was such an entry by itself."#;

const REPAIR_LEFTOVERS: &str = r"What unfinished changes left is seen to as Kafka would when it starts: .cleaned files of a compaction that was at work go, .swap files of one that was done take the place of the segments that they cover; .deleted and .tmp files, indexes without their log, producer snapshots of no segment and directories named -delete go. A .swap file that is damaged goes instead, as long as the segment that it was to replace is still there. The log of a segment under a name that Kafka does not look at gets its own back where the segment's index is still there without it, or where it fits between its neighbours; other files that nobody knows are renamed to NAME.stray. Directories named -stray and -future, and those that Kafka does not know, are left, and reported.

A partition.metadata that is missing or cannot be read gets the topic's id from the metadata log, or from the topic's other partitions; one whose id differs from the metadata log's in one character gets that of the metadata log. A partition's directory under another name gets its own back where its partition.metadata names a topic of which one partition alone is missing. A damaged meta.properties is written anew from what it still says and the metadata log, which does not tell the cluster's id; quorum-state from the metadata log, where this node votes alone. A damaged snapshot of the metadata log goes where the log still has all that it covers.";

const REPAIR_ADOPT: &str = r"--adopt makes a working data directory, of this node alone, of one whose metadata log or meta.properties is lost, damaged or another cluster's; of one partition directories were copied into; and of one that a broker with ZooKeeper left. Where the metadata log is whole and fits, it stays, and meta.properties alone is written. Otherwise there is a new one:

  cluster and node id   those of meta.properties, else of the old metadata log;
                        else new, and 1
  topic ids             those of partition.metadata; where partitions disagree,
                        that of most; else of the old metadata log, or of
                        committed offsets; else new
  partitions            up to the highest number; a missing one is made, empty
  leader epochs         above every one in the log
  configs, ACLs, users, quotas
                        those that can still be read of the old metadata log, or
                        of that of the data directory that --from names
  producer ids          the next one is above every one in the logs
  groups, transactions  as they are: they are records of internal topics

A topic whose configs are not known gets retention.ms=-1, so that nothing is deleted; cleanup.policy=compact instead where Kafka's cleaner has been at work; message.timestamp.type=LogAppendTime where its batches have the broker's time. Internal topics get what Kafka gives them. Each of these decisions is a note of the plan, and so is what server.properties has to say: node.id and the quorum's voters.";

const REPAIR_ABORT: &str = r"A transaction that nobody ends holds the last stable offset, and all that read committed records, for ever. --abort-transaction appends the marker of an abort in each of the location's partitions where that producer has one open, as kafka-transactions.sh abort does through a broker, with its entry in the transaction index and the checkpoints. Where __transaction_state still has the transaction as open, it is aborted in all of its partitions, there as well, and its producer fenced. One that is decided is left to Kafka. Nothing else is repaired in the same run. Where the producer has no open transaction, the error lists those that are open.";

const REPAIR_FROM: &str = r"--from takes from a replica's directory, or a copy, the batches that are damaged here, byte for byte, and leaves gaps for the rest only. It has to be a replica: topic ids must not differ, and a batch beside the damage, or else the topic id, must be the same in both; otherwise nothing is done (1).";

const INSPECT_DIFF: &str = r#"diff compares byte for byte first; only segments that are not the same are read, and their records matched by offset. Topics, partitions and files may have other names on the two sides. It exits with 0 where nothing differs, 1 where something does, 3 where batches could not be read.

--json prints an object a line. For a config or topic id that differs:

  {"type":"config","topic":"t","name":"retention.ms","a":null,"b":"5"}

for each partition (or the two files), with status same, different, onlyInA or onlyInB:

  {"type":"partition","name":"t-0","status":"different","a":{"segments":2,"bytes":900,"readFrom":0,"readTo":7},"b":{...},"sameSegments":1,"changedSegments":["00000000000000000000.log"],"segmentsOnlyInA":[],"segmentsOnlyInB":[],"sameRecords":5,"damagedBatches":0,"files":[{"file":"00000000000000000000.index","onlyIn":null}],"divergence":{"offset":5,"leaderEpochA":0,"leaderEpochB":1,"cutA":null,"cutB":5}}

readFrom and readTo (not included) are the offsets of the segments that had to be read, sameRecords counts in these. files is filled with --all; onlyIn is A, B, or null where the bytes differ. divergence is null where all records are the same; cutA is the offset at which Kafka, by the leader epochs, would cut A as a follower of B, or null. Each range of offsets that differ in the same way follows its partition, difference being onlyInA, onlyInB, records (then fields names what differs: timestamp, key, value, headers, control) or batches (the same records, batched or compressed otherwise):

  {"type":"range","name":"t-0","difference":"records","offsetStart":5,"offsetEnd":6,"records":1,"fields":["value"],"leaderEpochA":0,"leaderEpochB":1}

and the last line is

  {"type":"summary","version":1,"a":"data","b":"copy","same":3,"different":1,"damagedBatches":0}"#;

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

With a server:

  client.id  request.timeout.ms  default.api.timeout.ms  receive.message.max.bytes
  socket.connection.setup.timeout.ms  retry.backoff.ms  retry.backoff.max.ms
  acks  enable.idempotence  max.in.flight.requests.per.connection
  buffer.memory  delivery.timeout.ms     produce
  fetch.min.bytes  fetch.max.wait.ms  fetch.max.bytes  max.partition.fetch.bytes
  group.id  group.instance.id  session.timeout.ms  heartbeat.interval.ms
  max.poll.interval.ms  auto.commit.interval.ms  auto.offset.reset
  partition.assignment.strategy          consume

auto.offset.reset is earliest, latest, none or by_duration:PT1H. It says where a group starts that has committed nothing, unless -o does, and where to go on at when the next offset is there no more, because records were deleted or the log was cut; none fails then. Not set, deleted records are passed over and a log that was cut is followed from its end. Each time it says so.

partition.assignment.strategy lists the ways of a group's members to share partitions: range, roundrobin, cooperative-sticky, or the names of Java's classes. The group takes one that all of its members list. With cooperative-sticky, members keep what they read while partitions are shared out anew, but for those that move.

In the environment they are OTTLA_COMPRESSION_TYPE and so on. Properties that mean nothing to a directory, such as acks, or nothing at all, such as linger.ms, are taken and do nothing. An unknown name is an error.";

const GROUPS_OUTPUT: &str = r"A list has a row for each group: group, type, state.

A description has a row for each partition that the group has committed or is assigned: group, type, state, topic, partition, offset, logStart, logEnd, lag, member, clientId, host. What is not known is empty, in JSON null. A group with neither has one row without a partition.

--reset and --delete-offsets print a row for each offset that they change: group, topic, partition, before, after. --reset keeps within the partition: what lies outside becomes its start or its end. --reset -o end and @TIME speak of the moment at which the command runs.

In a directory only classic groups without members can be changed, and a new group cannot be made; a server takes both.";

const LOCATIONS: &str = r"DATA is a Kafka log directory, DATA/TOPIC a topic in it, DATA/TOPIC-PARTITION a partition directory that exists. Where both a partition directory TOPIC-P and a topic of that name exist, the directory wins; -p picks partitions of a topic.

kafka://HOST:PORT[,HOST:PORT]/TOPIC is a topic of a running server, Apache Kafka or ottla serve; the first of the servers that answers tells the others. Without TLS and SASL so far.

Where ottla serve holds DATA, its socket DATA/.ottla.sock is gone through, by produce, consume, topics and groups. Options that need files, such as --keep-offsets, then are errors.";

const FILES: &str = r"~/.config/ottla/NAME.properties holds the profile NAME (--profile or OTTLA_PROFILE): NAME=VALUE lines as for -X.

DATA/server.properties, where it exists, is asked for num.partitions.";

const TOPICS_OUTPUT: &str = r"Names in JSON, CSV and TSV, of a list:

  topic topicId partitions internal configs

of a description, one row a partition:

  topic partition leaderEpoch logStartOffset endOffset segments bytes

--output json describes a topic as one object, its partitions and configs in it.";

const INSPECT_METADATA: &str = r"inspect metadata --json prints one object: offset, epoch and timestamp of the last record that counts, snapshot (the file that the metadata was read from, or null), clusterId, nodeId, metadataVersion and its release, kraftVersion, leader, nextProducerId, zkMigration (0 to 3, or null), pendingRecords (of a metadata transaction without an end, or null), damage (what was passed over, as of inspect groups, and offsets that are missing; the exit status is then 3), and an array for each section:

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

With --log each record is an object on a line: offset, epoch, timestamp, type, version and data, in the names of Kafka's own dump. What is damaged is told on standard error and passed over; the exit status is then 3.";
const INSPECT_SUMMARY: &str = r"Without a subcommand: DATA lists topics, DATA/TOPIC partitions, a partition segments, and a file says what it holds. --json prints one object: location, kind (data, topic, partition or segment), live (whether a server holds it), problems (what cannot be read; the exit status is then 3), and by kind

  data       clusterId nodeId directoryId clean metadataVersion release features
             topics, each with topic topicId partitions (how many)
  topic      topic topicId partitions, each with topic partition
  partition  topic partition files, each with file baseOffset
  segment    topic partition file baseOffset

and all of them, as far as it makes sense:

  segments bytes indexBytes
  earliest latest            milliseconds since 1970
  exact                      whether every header was read. Above 256 MiB of logs counts
                             are in proportion to the first headers of some segments,
                             ~ in the table; --exact reads all
  batches records controlBatches
                             records count control records too
  codecs                     each with codec batches bytes ratio (uncompressed to
                             compressed) ratioExact (whether all were decompressed)
  startOffset endOffset highWatermark lastStableOffset recoveryPoint
                             high watermark and recovery point as checkpointed
  leaderEpoch                the latest of a batch
  unflushed                  offsets behind the recovery point, which may not be on disk
  producers                  how many are known
  openTransactions           each with producerId firstOffset

Tables leave out columns where the terminal is narrow: OPEN is open transactions, STABLE the last stable offset where it is not the end.";

const INSPECT_BATCHES: &str = r"--json prints one object a line, --output csv and tsv the same columns:

  topic partition file   where it is; topic and partition by the directory's name
  position size          in the file, in bytes
  magic                  2, or 0 and 1 before Kafka 0.11
  baseOffset lastOffset count
                         count and baseOffset are null for a compressed message set
  leaderEpoch crc        as stored
  crcValid               whether the CRC is that of the bytes
  codec attributes       none, gzip, snappy, lz4 or zstd; the bits as stored
  timestampType          CreateTime, LogAppendTime or NoTimestampType
  baseTimestamp maxTimestamp deleteHorizon
                         milliseconds since 1970
  producerId producerEpoch baseSequence lastSequence
  transactional control  whether it is of a transaction, and of control records
  controlType            ABORT, COMMIT, LeaderChange, SnapshotHeader, SnapshotFooter,
                         KRaftVersion, KRaftVoters; more than one apart by commas

null stands for none, where Kafka has -1. -o and -c count as for consume: -o by offsets, -c batches. Everything in the files is shown, also what lies before the log start offset. What is damaged is told on standard error and passed over; the exit status is then 3. An end that a killed writer left is no damage.";

const INSPECT_RECORDS: &str = r"--json prints one object a line, with topic, partition, file, position (of the batch), timestampType, leaderEpoch, codec, producerId, producerEpoch, transactional, control and controlType as for batches, and

  offset timestamp       timestamp in milliseconds since 1970
  sequence               of the record, where its batch has a producer
  keySize valueSize      in bytes; null for a null key or value
  key value              text or null; keyBase64 and valueBase64 where the bytes are
                         not UTF-8
  headers                as in the JSON envelope of consume
  problem                only where key or value should decode and does not

Records of __consumer_offsets, __transaction_state, __share_group_state and __cluster_metadata and of snapshots (.checkpoint) have key and value decoded, as Kafka's own dump shows them:

  key {type data}, value {version data}; of metadata, value {type version data}

Of a control record value holds its fields, and there is no key: a marker has coordinatorEpoch. --raw leaves all of them as bytes.";

const INSPECT_INDEX: &str = r"--json prints one object a line: topic, partition, file, kind, entry (its number, from 0) and, by kind,

  offset                 offset position: of the batch that ends with the offset
  time                   timestamp offset: nothing up to the offset is later
  transaction            producerId firstOffset lastOffset lastStableOffset: aborted

Offsets are those of the log, not counted from the segment's first.";

const INSPECT_SNAPSHOT: &str = r"--json prints one object a file: topic, partition, file, kind, offset (from the file's name) and, where kind is producers: version, crc and producers, each with

  producerId producerEpoch firstSequence lastSequence lastOffset offsetDelta timestamp
  coordinatorEpoch currentTxnFirstOffset

where kind is metadata: epoch (from the file's name), size, batches, records, header, kraftVersion, voters, footer (whether it is there) and types, how many records of each type. CSV and TSV have a row a producer.";

const INSPECT_GROUPS: &str = r"inspect groups reads every partition of __consumer_offsets and __share_group_state. --json prints one object: partitions (how many were read), unknownRecords, damage and groups. What is damaged is passed over, told on standard error, and makes the exit status 3: what was committed there is not known, and an earlier offset is shown. damage has an object for each such place: file (from the data directory on), byteStart, byteEnd, offsetStart and offsetEnd (the offsets that it had, as far as its header or its neighbours tell, else null), expected and found; the ends are not included. Each of groups has

  group type state coordinatorPartition epoch assignmentEpoch protocolType
  protocol topologyEpoch
  members  member instanceId clientId host rack leader epoch state topics
           regex assigned target (objects of topics with partitions)
  offsets  topic partition offset leaderEpoch metadata commitTimestamp
           expireTimestamp topicId stale logStart logEnd lag member
           pending (producerId offset commitTimestamp of open transactions)
           share (of share groups: startOffset deliveryComplete stateEpoch
           leaderEpoch writeTimestamp and batches of firstOffset lastOffset
           state deliveryCount)

type is simple, classic, consumer, share or streams; simple is a group that only commits. state is Kafka's, as far as records tell: a silent member counts as there. epoch is the generation of a classic group. stale tells that the offset was committed for an earlier topic of the name. logStart, logEnd and lag are null where the partition is not in this directory. CSV and TSV have a row for each offset: group type state topic partition offset leaderEpoch metadata commitTimestamp expireTimestamp logStart logEnd lag member pending.";

const INSPECT_TRANSACTIONS: &str = r"inspect transactions --json prints one object: coordinatorComplete (whether all of __transaction_state is here and was read), damage (what was passed over, as of inspect groups; the exit status is then 3), and

  open              topic partition producerId producerEpoch transactionalId
                    state why firstOffset startTimestamp lastTimestamp
                    lastStableOffset logEnd offsetsBehind bytesBehind
                    waitingGroups markerMayBeLost
  transactionalIds  transactionalId producerId producerEpoch status timeoutMs
                    startTimestamp updateTimestamp partitions
                    transactionVersion
  aborted           topic partition producerId firstOffset lastOffset
                    lastStableOffset (with --all, from the .txnindex files)

open are the transactions that partitions hold open. Their state is ongoing, prepareCommit or prepareAbort as the coordinator's records have it; hanging, where it has no such transaction and no marker will come (why tells what it has); or unknown, where not all of its records are here. What lies from lastStableOffset on is not seen by consumers with isolation.level=read_committed; waitingGroups are those that have committed up to there. markerMayBeLost tells that damage behind firstOffset was passed over, in which its end may have been. transactionalIds are those with a transaction that is open or prepared, all of them with --all. CSV and TSV have the columns of open.";

const INSPECT_EXPLAIN: &str = r"inspect explain --json prints one object: topic, partition, offset, bounds (logStart logEnd lastStable highWatermark recoveryPoint cleaned; null where nothing tells) and status:

  record         a record has the offset
  deleted        it is before the log start offset
  compactedAway  the cleaner took it
  emptyBatch     it is in a batch without records, which a cleaner or a
                 repair leaves
  gap            nothing explains why it is missing
  beyondEnd      no record has it yet
  damaged        it is in damage or behind it; exit status 3

Of a record: segment (baseOffset nextBaseOffset file bytes active number segments), index (offset and position of the entry that a reader starts from, or null), batch (position bytes magic baseOffset lastOffset records codec crc timestampType maxTimestamp, and of v2 batches leaderEpoch attributes transactional control baseTimestamp deleteHorizon producerId producerEpoch baseSequence lastSequence), record (timestamp key value headers as in the JSON envelope of ottla-consume(1); control, with type and data; decoded, with key and value, of internal topics), producer (producerId producerEpoch sequence), transaction (state committed, aborted, open or unknown, and marker, the offset of its end) and removal:

  retention   retentionMs retentionBytes segmentTimestamp due byTime bySize
  compaction  removes reason newerOffset newestOffset deleteHorizon
              blockedBy firstDirty firstUncleanable dirtyRatio
  configs     config value source brokerConfig

reason is newerRecord, tombstone, aborted, noKey, marker or null; blockedBy is what keeps the next cleaning from taking it: activeSegment, lastStableOffset, minCompactionLag, dirtyRatio, deleteRetention or null. configs are those that decide, with Kafka's name of their source: dynamicTopicConfig, dynamicBrokerConfig (of this broker), dynamicDefaultBrokerConfig (of all brokers; brokerConfig is what brokers call it) or defaultConfig, as a broker's own properties are not in the directory.

Of others: segment, batch, offsetBefore and offsetAfter (its neighbours), damage, as far as there are any; of emptyBatch leftBy: cleaner, repair, or unknown, where its header does not tell.";

const STATS: &str = r#"stats reads every batch of LOCATION on all cores and prints a row for each topic, partition or segment (--by), and charts of all of it: codecs, sizes of records and batches, records over time, keys, the largest records. The size of a record is that of its key, value and headers. Memory does not grow with the log. What is damaged is not measured, and makes the exit status 3; a batch cut short at the end of a log does not.

Medians and other quantiles are at most a sixteenth too high, and exact below 32. Up to 4,096 distinct keys are counted exactly; more are estimated, within 2 % nearly always. A key that is printed as frequent has at least the number of records shown, and at most recordsAtMost; where a few records are far from all others in time they are counted as before or after.

--json prints one object: location, live, topics, total. A topic has topic and partitions, the total topicCount; both have

  partitionCount segmentCount bytes otherBytes batches records
  firstTimestamp lastTimestamp withoutTimestamp
  outOfOrder           records that are earlier than the one before
  latestMs             how far a record is behind one before it, at most
  unreadableBytes tailBytes
  recordsPerSecond bytesPerSecond
  controlRecords transactionalRecords recordsWithHeaders tombstones
  batchesOfMagic       of magic 0, 1 and 2
  recordSizes batchSizes recordsPerBatch
                       count, sum, min, mean, p50, p90, p99, max, and
                       octaves: from, to, count
  codecs               codec, batches, records, bytes, unpackedBytes, ratio
  keys                 (topics) distinct, exact, recordsWithKey,
                       recordsWithoutKey, top: key or keyBase64 (the first 200
                       bytes), keyBytes, records, recordsAtMost
  rates                spanMs, before, after, spans: timestamp, records, bytes
  largest              topic, partition, offset, bytes, timestamp, key or
                       keyBase64, keyBytes

bytes are those of the log as stored, otherBytes those of indexes and other files beside it. A partition has partition, segmentCount, otherBytes and segments, a segment baseOffset; both have bytes, batches, records, firstOffset, lastOffset, firstTimestamp, lastTimestamp, withoutTimestamp, outOfOrder, latestMs, unreadableBytes and tailBytes. Times are in milliseconds since 1970. What does not apply is null.

--output csv and tsv print the rows: topic, partition, segment, partitions, segments, bytes, otherBytes, batches, records, firstOffset, lastOffset, firstTimestamp, lastTimestamp, outOfOrder, distinctKeys, unreadableBytes."#;
