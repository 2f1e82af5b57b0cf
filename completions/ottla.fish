# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ottla_global_optspecs
    string join \n h/help V/version
end

function __fish_ottla_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ottla_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ottla_using_subcommand
    set -l cmd (__fish_ottla_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ottla -n "__fish_ottla_needs_command" -s h -l help -d 'Print help'
complete -c ottla -n "__fish_ottla_needs_command" -s V -l version -d 'Print version'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "consume" -d 'Prints the records of a topic'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "produce" -d 'Appends records from standard input to a topic'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "topics" -d 'Lists, creates, describes, alters and deletes topics'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s o -l offset -d 'Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s c -l count -d 'Stops after N records' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s p -l partitions -d 'Reads these partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s g -l group -d 'Consumer group: comes with a later version' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s f -l format -d 'Prints by a format, such as \'%o %k=%v\\n\'; see FORMAT TOKENS' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -l kcat-format -d 'The same, with the tokens of kcat, such as \'%o %k=%s\\n\'' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s k -l key-separator -d 'Prints key, SEP and value' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -l null -d 'Prints MARKER for a null key or value [default: nothing]' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -l delimiter -d 'Ends records with SEP [default: a newline]' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s F -l follow -d 'Goes on with records as they are appended'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -l read-committed -d 'Leaves out records of aborted and open transactions'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -l json -d 'Prints JSON envelopes, one a line; `ottla produce --json` reads them'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -l csv -d 'Prints CSV with a row of column names'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s 0 -l nul -d 'Ends records with a NUL byte'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s V -l version -d 'Print version'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s k -l key-separator -d 'Splits the key off each line at the first SEP; without SEP in it, a line has no key' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l null -d 'A key or value that reads MARKER is null' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s H -l header -d 'Adds a header to each record; NAME alone gives it a null value' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l key -d 'With --csv: the column that is the key' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l csv-delimiter -d 'With --csv: the character between fields' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s f -l format -d 'Reads records by a format, such as \'%k=%v\\n\'; see FORMAT TOKENS' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l kcat-format -d 'The same, with the tokens of kcat, such as \'%k=%s\\n\'' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l delimiter -d 'Records end with SEP [default: a newline]' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l max-message-bytes -d 'Refuses records longer than this' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s p -l partition -d 'Writes to this partition only' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l partitioner -d 'Chooses partitions: murmur2_random (as Java clients, the default), consistent_random (as librdkafka), fnv1a_random (as Sarama), murmur2, consistent, fnv1a, random, round-robin' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s z -l compression -d 'Compresses batches: none, gzip, snappy, lz4 or zstd, with :LEVEL where there are levels' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l timestamp -d 'Gives every record this time instead of the present' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l sync -d 'When written records are made durable' -r -f -a "end\t'Once, before it exits; exit status 0 then means that all of it survives a power cut'
batch\t'After each batch'
none\t'Never: the system writes it back when it pleases'"
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l transaction -d 'Makes the run one transaction: every record becomes visible, or none does' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l partitions -d 'Partitions of a topic that is created [default: 1]' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l json -d 'Reads JSON envelopes, as `ottla consume --json` prints them'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l csv -d 'Reads CSV with a row of column names; each value is a JSON object'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s 0 -l nul -d 'Records end with a NUL byte'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l keep-offsets -d 'Keeps offset, partition and timestamp type of the input; needs --json or a format'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -l no-create -d 'Fails where the topic does not exist, instead of creating it'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand produce" -s V -l version -d 'Print version'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -s P -l partitions -d 'How many partitions: of a new topic, or in all after --alter' -r
complete -c ottla -n "__fish_ottla_using_subcommand topics" -s c -l config -d 'Sets a config, under Apache Kafka\'s name' -r
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l delete-config -l unset -d 'With --alter: sets a config back to its default' -r
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l output -d 'How to print tables' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand topics" -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l list -d 'Lists topics; the default for DATA'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l describe -d 'Shows partitions, sizes, offsets and configs; the default for DATA/TOPIC'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l create -d 'Creates the topic, and the data directory where it is missing'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l alter -d 'Changes configs, or adds partitions'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l delete -d 'Deletes the topic and its records'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l if-not-exists -d 'With --create: a topic that exists is no error'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l if-exists -d 'With --delete and --alter: a topic that does not exist is no error'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -l internal -d 'Also lists Kafka\'s own topics, such as __consumer_offsets'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand topics" -s V -l version -d 'Print version'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume produce topics help" -f -a "consume" -d 'Prints the records of a topic'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume produce topics help" -f -a "produce" -d 'Appends records from standard input to a topic'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume produce topics help" -f -a "topics" -d 'Lists, creates, describes, alters and deletes topics'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume produce topics help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
