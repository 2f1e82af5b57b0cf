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
complete -c ottla -n "__fish_ottla_needs_command" -f -a "groups" -d 'Lists and describes consumer groups, resets and deletes their offsets'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "inspect" -d 'Looks into a data directory of any Apache Kafka since 0.10, or of ottla'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "produce" -d 'Appends records from standard input to a topic'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "repair" -d 'Mends a damaged data directory'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "serve" -d 'Serves a data directory to Kafka clients, over TCP'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "topics" -d 'Lists, creates, describes, alters and deletes topics'
complete -c ottla -n "__fish_ottla_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s o -l offset -d 'Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2 [default: beginning]' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s c -l count -d 'Stops after N records' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s p -l partitions -d 'Reads these partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand consume" -s g -l group -d 'Reads as a member of a consumer group, from where it left off, and commits; needs a server. -o says where partitions without a commit start' -r
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
complete -c ottla -n "__fish_ottla_using_subcommand groups" -s g -l group -d 'The group' -r
complete -c ottla -n "__fish_ottla_using_subcommand groups" -s o -l offset -d 'With --reset: beginning, end, N, -N (N before the end), +N or @TIME' -r
complete -c ottla -n "__fish_ottla_using_subcommand groups" -s p -l partitions -d 'Changes these partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l output -d 'How to print tables' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand groups" -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l list -d 'Lists groups; the default without -g'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l describe -d 'Shows offsets, lag and members; the default with -g'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l reset -d 'Sets the offsets of a topic, or of all that the group has committed, to where -o says'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l delete-offsets -d 'Deletes the offsets of a topic'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l delete -d 'Deletes the group and its offsets'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -l dry-run -d 'Says what would be changed, and changes nothing'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand groups" -s V -l version -d 'Print version'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -l exact -d 'Reads every header for the summary, however many there are'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -s V -l version -d 'Print version'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "batches" -d 'Lists batches'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "records" -d 'Prints records with headers; those of internal topics decoded'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "index" -d 'Prints index entries: .index, .timeindex, .txnindex'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "snapshot" -d 'Prints producer snapshots and KRaft snapshots'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "metadata" -d 'Prints the metadata: topics, configs, brokers, ACLs, quotas, features'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "groups" -d 'Prints committed offsets and lag'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "transactions" -d 'Prints open, hanging and aborted transactions'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "verify" -d 'Checks every promise of the format'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "explain" -d 'Tells everything about one offset'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "diff" -d 'Compares two directories, topics, partitions or segments'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "stats" -d 'Draws sizes, rates, keys and the largest records'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from batches" -s o -l offset -d 'Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from batches" -s c -l count -d 'Stops after N of them' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from batches" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from batches" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from batches" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from batches" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from batches" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -s o -l offset -d 'Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -s c -l count -d 'Stops after N of them' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -l raw -d 'Prints keys and values of internal topics and control records as they are'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -s w -l wide -d 'Does not cut lines of the table off'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from records" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from index" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from index" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from index" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from index" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from index" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from snapshot" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from snapshot" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from snapshot" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from snapshot" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from snapshot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -l only -d 'Shows these sections only' -r -f -a "features\t'Finalised feature levels'
quorum\t'The voters of the metadata log'
brokers\t'Registered brokers'
controllers\t'Registered controllers'
topics\t'Topics with their ids'
partitions\t'Partitions: leaders, epochs, replicas'
reassignments\t'Partitions whose replicas are being moved'
configs\t'Configs of topics, brokers, groups and client metrics'
acls\t'ACLs'
quotas\t'Client quotas'
users\t'SCRAM users'
tokens\t'Delegation tokens'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -l at -d 'Shows the metadata as it was once the record at OFFSET counted' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -l from -d 'Starts the log at OFFSET' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -l log -d 'Prints the log itself, record by record'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -l secrets -d 'Shows passwords and the keys of SCRAM users too'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from metadata" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from groups" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from groups" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from groups" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from groups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from transactions" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from transactions" -l all -d 'Lists completed and aborted transactions too'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from transactions" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from transactions" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from transactions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from verify" -l manifest -d 'Checks segments against this list of their hashes; writes it where it is missing' -r -F
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from verify" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from verify" -l write-manifest -d 'Writes the list anew instead of checking against it'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from verify" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from explain" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from explain" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from explain" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from diff" -l limit -d 'Prints at most N differences of each partition' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from diff" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from diff" -l brief -d 'Prints a line for each partition that differs, no more'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from diff" -l all -d 'Also compares the files beside the logs: indexes, snapshots, checkpoints'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from diff" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s p -l partitions -d 'These partitions only, such as 0,2,4-7' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l by -d 'What the rows are of [default: what is below LOCATION]' -r -f -a "topic\t'A row for each topic'
partition\t'A row for each partition'
segment\t'A row for each segment'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l top -d 'How many of the largest records and most frequent keys to print' -r
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "batches" -d 'Lists batches'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "records" -d 'Prints records with headers; those of internal topics decoded'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "index" -d 'Prints index entries: .index, .timeindex, .txnindex'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "snapshot" -d 'Prints producer snapshots and KRaft snapshots'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "metadata" -d 'Prints the metadata: topics, configs, brokers, ACLs, quotas, features'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "groups" -d 'Prints committed offsets and lag'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "transactions" -d 'Prints open, hanging and aborted transactions'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Checks every promise of the format'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Tells everything about one offset'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compares two directories, topics, partitions or segments'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "stats" -d 'Draws sizes, rates, keys and the largest records'
complete -c ottla -n "__fish_ottla_using_subcommand inspect; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
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
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l from -d 'Takes damaged batches from this replica: a data or partition directory' -r -F
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l abort-transaction -d 'Ends the open transaction of this producer in the location\'s partitions' -r
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l apply -d 'Carries the plan out'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l undo -d 'Puts back what the last --apply changed'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l force -d 'With --undo: also where what was written since is lost'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l partial -d 'Keeps the whole records of a batch of which only a part is damaged'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l adopt -d 'Makes a working data directory of one whose metadata is lost or another cluster\'s'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -l json -d 'The same as --output json'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand repair" -s V -l version -d 'Print version'
complete -c ottla -n "__fish_ottla_using_subcommand serve" -s l -l listen -d 'Listens here instead of 127.0.0.1:9092; port 0 is any that is free' -r
complete -c ottla -n "__fish_ottla_using_subcommand serve" -s c -l config -d 'Reads this server.properties instead of the one in DATA' -r -F
complete -c ottla -n "__fish_ottla_using_subcommand serve" -s X -l property -d 'Sets a property by its Apache Kafka name' -r
complete -c ottla -n "__fish_ottla_using_subcommand serve" -l metrics -d 'Serves metrics to Prometheus here, over HTTP, with /health and /ready' -r
complete -c ottla -n "__fish_ottla_using_subcommand serve" -l ready-fd -d 'Writes a line with the addresses to this descriptor once clients can connect' -r
complete -c ottla -n "__fish_ottla_using_subcommand serve" -l log -d 'How the log on standard error reads' -r -f -a "text\t'A line of text for each event'
json\t'A JSON object for each event'"
complete -c ottla -n "__fish_ottla_using_subcommand serve" -s q -l quiet -d 'Says nothing but warnings and errors'
complete -c ottla -n "__fish_ottla_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -n "__fish_ottla_using_subcommand serve" -s V -l version -d 'Print version'
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
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "consume" -d 'Prints the records of a topic'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "groups" -d 'Lists and describes consumer groups, resets and deletes their offsets'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "inspect" -d 'Looks into a data directory of any Apache Kafka since 0.10, or of ottla'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "produce" -d 'Appends records from standard input to a topic'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "repair" -d 'Mends a damaged data directory'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "serve" -d 'Serves a data directory to Kafka clients, over TCP'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "topics" -d 'Lists, creates, describes, alters and deletes topics'
complete -c ottla -n "__fish_ottla_using_subcommand help; and not __fish_seen_subcommand_from consume groups inspect produce repair serve topics help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "batches" -d 'Lists batches'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "records" -d 'Prints records with headers; those of internal topics decoded'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "index" -d 'Prints index entries: .index, .timeindex, .txnindex'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "snapshot" -d 'Prints producer snapshots and KRaft snapshots'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "metadata" -d 'Prints the metadata: topics, configs, brokers, ACLs, quotas, features'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "groups" -d 'Prints committed offsets and lag'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "transactions" -d 'Prints open, hanging and aborted transactions'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "verify" -d 'Checks every promise of the format'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "explain" -d 'Tells everything about one offset'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "diff" -d 'Compares two directories, topics, partitions or segments'
complete -c ottla -n "__fish_ottla_using_subcommand help; and __fish_seen_subcommand_from inspect" -f -a "stats" -d 'Draws sizes, rates, keys and the largest records'
