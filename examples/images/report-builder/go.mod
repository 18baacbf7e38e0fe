module lanternfish.example/report-builder

go 1.26.8

require (
	github.com/lib/pq v1.10.9
	golang.org/x/net v0.14.0
	gopkg.in/yaml.v3 v3.0.1
)

require golang.org/x/text v0.12.0 // indirect
