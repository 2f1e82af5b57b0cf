complete -c ottla-repair -l from -d 'Takes damaged batches from this replica: a data or partition directory' -r -F
complete -c ottla-repair -l abort-transaction -d 'Ends the open transaction of this producer in the location\'s partitions' -r
complete -c ottla-repair -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON document'
csv\t'Comma-separated, with a row of names'
tsv\t'Tab-separated, with a row of names'"
complete -c ottla-repair -l apply -d 'Carries the plan out'
complete -c ottla-repair -l undo -d 'Puts back what the last --apply changed'
complete -c ottla-repair -l force -d 'With --undo: also where what was written since is lost'
complete -c ottla-repair -l partial -d 'Keeps the whole records of a batch of which only a part is damaged'
complete -c ottla-repair -l adopt -d 'Makes a working data directory of one whose metadata is lost or another cluster\'s'
complete -c ottla-repair -l json -d 'The same as --output json'
complete -c ottla-repair -s q -l quiet -d 'Says nothing but results and errors'
complete -c ottla-repair -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ottla-repair -s V -l version -d 'Print version'
