complete -c ottla-serve -s l -l listen -d 'Listens here instead of 127.0.0.1:9092; port 0 is any that is free' -r
complete -c ottla-serve -s c -l config -d 'Reads this server.properties instead of the one in DATA' -r -F
complete -c ottla-serve -s X -l property -d 'Sets a property by its Apache Kafka name' -r
complete -c ottla-serve -l metrics -d 'Serves metrics to Prometheus here, over HTTP, with /health and /ready' -r
complete -c ottla-serve -l ready-fd -d 'Writes a line with the addresses to this descriptor once clients can connect' -r
complete -c ottla-serve -l log -d 'How the log on standard error reads' -r -f -a "text\t'A line of text for each event'
json\t'A JSON object for each event'"
complete -c ottla-serve -s q -l quiet -d 'Says nothing but warnings and errors'
complete -c ottla-serve -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-serve -s V -l version -d 'Print version'
