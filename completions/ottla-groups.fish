complete -c ottla-groups -s g -l group -d 'The group' -r
complete -c ottla-groups -s o -l offset -d 'With --reset: beginning, end, N, -N (N before the end), +N or @TIME' -r
complete -c ottla-groups -s p -l partitions -d 'Changes these partitions only, such as 0,2,4-7' -r
complete -c ottla-groups -l output -d 'How to print tables' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-groups -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla-groups -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla-groups -l list -d 'Lists groups; the default without -g'
complete -c ottla-groups -l describe -d 'Shows offsets, lag and members; the default with -g'
complete -c ottla-groups -l reset -d 'Sets the offsets of a topic, or of all that the group has committed, to where -o says'
complete -c ottla-groups -l delete-offsets -d 'Deletes the offsets of a topic'
complete -c ottla-groups -l delete -d 'Deletes the group and its offsets'
complete -c ottla-groups -l dry-run -d 'Says what would be changed, and changes nothing'
complete -c ottla-groups -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla-groups -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-groups -s V -l version -d 'Print version'
