complete -c ottla-topics -s P -l partitions -d 'How many partitions: of a new topic, or in all after --alter' -r
complete -c ottla-topics -s c -l config -d 'Sets a config, under Apache Kafka\'s name' -r
complete -c ottla-topics -l delete-config -l unset -d 'With --alter: sets a config back to its default' -r
complete -c ottla-topics -l output -d 'How to print tables' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-topics -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla-topics -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla-topics -l list -d 'Lists topics; the default for DATA'
complete -c ottla-topics -l describe -d 'Shows partitions, sizes, offsets and configs; the default for DATA/TOPIC'
complete -c ottla-topics -l create -d 'Creates the topic, and the data directory where it is missing'
complete -c ottla-topics -l alter -d 'Changes configs, or adds partitions'
complete -c ottla-topics -l delete -d 'Deletes the topic and its records'
complete -c ottla-topics -l if-not-exists -d 'With --create: a topic that exists is no error'
complete -c ottla-topics -l if-exists -d 'With --delete and --alter: a topic that does not exist is no error'
complete -c ottla-topics -l internal -d 'Also lists Kafka\'s own topics, such as __consumer_offsets'
complete -c ottla-topics -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla-topics -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-topics -s V -l version -d 'Print version'
