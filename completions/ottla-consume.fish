complete -c ottla-consume -s o -l offset -d 'Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2 [default: beginning]' -r
complete -c ottla-consume -s c -l count -d 'Stops after N records' -r
complete -c ottla-consume -s p -l partitions -d 'Reads these partitions only, such as 0,2,4-7' -r
complete -c ottla-consume -s g -l group -d 'Reads as a member of a consumer group, from where it left off, and commits; needs a server. -o says where partitions without a commit start' -r
complete -c ottla-consume -s f -l format -d 'Prints by a format, such as \'%o %k=%v\\n\'; see FORMAT TOKENS' -r
complete -c ottla-consume -l kcat-format -d 'The same, with the tokens of kcat, such as \'%o %k=%s\\n\'' -r
complete -c ottla-consume -s k -l key-separator -d 'Prints key, SEP and value' -r
complete -c ottla-consume -l null -d 'Prints MARKER for a null key or value [default: nothing]' -r
complete -c ottla-consume -l delimiter -d 'Ends records with SEP [default: a newline]' -r
complete -c ottla-consume -s X -l property -d 'Sets a property by its Apache Kafka or librdkafka name' -r
complete -c ottla-consume -l profile -d 'Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file' -r
complete -c ottla-consume -s F -l follow -d 'Goes on with records as they are appended'
complete -c ottla-consume -l read-committed -d 'Leaves out records of aborted and open transactions'
complete -c ottla-consume -l json -d 'Prints JSON envelopes, one a line; `ottla produce --json` reads them'
complete -c ottla-consume -l csv -d 'Prints CSV with a row of column names'
complete -c ottla-consume -s 0 -l nul -d 'Ends records with a NUL byte'
complete -c ottla-consume -s q -l quiet -d 'Says nothing but errors: no progress, no summary'
complete -c ottla-consume -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-consume -s V -l version -d 'Print version'
