# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ottla_inspect_global_optspecs
    string join \n exact output= json q/quiet h/help V/version
end

function __fish_ottla_inspect_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ottla_inspect_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ottla_inspect_using_subcommand
    set -l cmd (__fish_ottla_inspect_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -l exact -d 'Reads every header for the summary, however many there are'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -s V -l version -d 'Print version'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "batches" -d 'Lists batches'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "records" -d 'Prints records with headers; those of internal topics decoded'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "index" -d 'Prints index entries: .index, .timeindex, .txnindex'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "snapshot" -d 'Prints producer snapshots and KRaft snapshots'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "metadata" -d 'Prints the metadata: topics, configs, brokers, ACLs, quotas, features'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "groups" -d 'Prints committed offsets and lag'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "transactions" -d 'Prints open, hanging and aborted transactions'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "verify" -d 'Checks every promise of the format'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "explain" -d 'Tells everything about one offset'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "diff" -d 'Compares two directories, topics, partitions or segments'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "stats" -d 'Draws sizes, rates, keys and the largest records'
complete -c ottla-inspect -n "__fish_ottla_inspect_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand batches" -s o -l offset -d 'Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand batches" -s c -l count -d 'Stops after N of them' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand batches" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand batches" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand batches" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand batches" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand batches" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -s o -l offset -d 'Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -s c -l count -d 'Stops after N of them' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -l raw -d 'Prints keys and values of internal topics and control records as they are'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -s w -l wide -d 'Does not cut lines of the table off'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand records" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand index" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand index" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand index" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand index" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand index" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand snapshot" -s p -l partitions -d 'Looks at these partitions only, such as 0,2,4-7' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand snapshot" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand snapshot" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand snapshot" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand snapshot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -l only -d 'Shows these sections only' -r -f -a "features\t'Finalised feature levels'
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
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -l at -d 'Shows the metadata as it was once the record at OFFSET counted' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -l from -d 'Starts the log at OFFSET' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -l log -d 'Prints the log itself, record by record'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -l secrets -d 'Shows passwords and the keys of SCRAM users too'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand metadata" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand groups" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand groups" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand groups" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand groups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand transactions" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand transactions" -l all -d 'Lists completed and aborted transactions too'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand transactions" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand transactions" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand transactions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand verify" -l manifest -d 'Checks segments against this list of their hashes; writes it where it is missing' -r -F
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand verify" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand verify" -l write-manifest -d 'Writes the list anew instead of checking against it'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand verify" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand verify" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand explain" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand explain" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand explain" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand diff" -l limit -d 'Prints at most N differences of each partition' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand diff" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand diff" -l brief -d 'Prints a line for each partition that differs, no more'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand diff" -l all -d 'Also compares the files beside the logs: indexes, snapshots, checkpoints'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand diff" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand diff" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand stats" -s p -l partitions -d 'These partitions only, such as 0,2,4-7' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand stats" -l by -d 'What the rows are of [default: what is below LOCATION]' -r -f -a "topic\t'A row for each topic'
partition\t'A row for each partition'
segment\t'A row for each segment'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand stats" -l top -d 'How many of the largest records and most frequent keys to print' -r
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand stats" -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand stats" -l json -d 'The same as --output json'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand stats" -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "batches" -d 'Lists batches'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "records" -d 'Prints records with headers; those of internal topics decoded'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "index" -d 'Prints index entries: .index, .timeindex, .txnindex'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "snapshot" -d 'Prints producer snapshots and KRaft snapshots'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "metadata" -d 'Prints the metadata: topics, configs, brokers, ACLs, quotas, features'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "groups" -d 'Prints committed offsets and lag'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "transactions" -d 'Prints open, hanging and aborted transactions'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "verify" -d 'Checks every promise of the format'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "explain" -d 'Tells everything about one offset'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "diff" -d 'Compares two directories, topics, partitions or segments'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "stats" -d 'Draws sizes, rates, keys and the largest records'
complete -c ottla-inspect -n "__fish_ottla_inspect_using_subcommand help; and not __fish_seen_subcommand_from batches records index snapshot metadata groups transactions verify explain diff stats help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
