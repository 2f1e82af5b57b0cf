complete -c ottla -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla -s V -l version -d 'Print version'
