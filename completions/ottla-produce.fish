complete -c ottla-produce -s k -l key-separator -d 'Splits the key off each line at the first SEP; without SEP in it, a line has no key' -r
complete -c ottla-produce -l null -d 'A key or value that reads MARKER is null' -r
complete -c ottla-produce -s H -l header -d 'Adds a header to each record; NAME alone gives it a null value' -r
complete -c ottla-produce -l key -d 'With --csv: the column that is the key' -r
complete -c ottla-produce -l csv-delimiter -d 'With --csv: the character between fields' -r
complete -c ottla-produce -s f -l format -d 'Reads records by a format, such as \'%k=%v\\n\'; see FORMAT TOKENS' -r
complete -c ottla-produce -l kcat-format -d 'The same, with the tokens of kcat, such as \'%k=%s\\n\'' -r
complete -c ottla-produce -l delimiter -d 'Records end with SEP [default: a newline]' -r
complete -c ottla-produce -l max-message-bytes -d 'Refuses records longer than this' -r
complete -c ottla-produce -s p -l partition -d 'Writes to this partition only' -r
complete -c ottla-produce -l partitioner -d 'Chooses partitions: murmur2_random (as Java clients, the default), consistent_random (as librdkafka), fnv1a_random (as Sarama), murmur2, consistent, fnv1a, random, round-robin' -r
complete -c ottla-produce -s z -l compression -d 'Compresses batches: none, gzip, snappy, lz4 or zstd, with :LEVEL where there are levels' -r
complete -c ottla-produce -l timestamp -d 'Gives every record this time instead of the present' -r
complete -c ottla-produce -l sync -d 'When written records are made durable' -r -f -a "end\t'Once, before it exits; exit status 0 then means that all of it survives a power cut'
batch\t'After each batch'
none\t'Never: the system writes it back when it pleases'"
complete -c ottla-produce -l transaction -d 'Makes the run one transaction: every record becomes visible, or none does' -r
complete -c ottla-produce -l partitions -d 'Partitions of a topic that is created [default: 1]' -r
complete -c ottla-produce -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla-produce -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla-produce -l json -d 'Reads JSON envelopes, as `ottla consume --json` prints them'
complete -c ottla-produce -l csv -d 'Reads CSV with a row of column names; each value is a JSON object'
complete -c ottla-produce -s 0 -l nul -d 'Records end with a NUL byte'
complete -c ottla-produce -l keep-offsets -d 'Keeps offset, partition and timestamp type of the input; needs --json or a format'
complete -c ottla-produce -l no-create -d 'Fails where the topic does not exist, instead of creating it'
complete -c ottla-produce -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla-produce -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-produce -s V -l version -d 'Print version'
