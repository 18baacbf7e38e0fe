module lanternfish.example/search

go 1.26.8

require golang.org/x/net v0.15.0

require golang.org/x/text v0.13.0 // indirect
