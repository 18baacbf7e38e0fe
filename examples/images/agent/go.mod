module lanternfish.example/agent

go 1.26.8

require (
	github.com/prometheus/procfs v0.19.2
	golang.org/x/sys v0.38.0
)
